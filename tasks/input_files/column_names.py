"""The names that data sets give to their columns, by what the columns hold."""

import re

NAMES = {
    "text": "text sentence content review comment tweet message utterance document body abst abstract article passage "
    "description sent input query question title headline news txt sms post reviewtext reviewbody prompt snippet "
    "文本 内容 评论 句子 正文 标题 本文 texto texte",
    "first": "sentence1 text1 texta sentencea premise question1 s1 sent1 string1 1string q1 context query sentence a "
    "textone sentenceone text first one 句子1 文本1",
    "second": "sentence2 text2 textb sentenceb hypothesis hypo question2 s2 sent2 string2 2string q2 secondtext "
    "response texttwo sentencetwo keyword second two answer b 句子2 文本2",
    "label": "label labels class category goldlabel target sentiment intent topic emotion polarity gold "
    "quality isduplicate stance labeltext labelname annotation y cls mood section genre toxic spam "
    "humanlabel star stars rating 标签 类别 分类 情感 ラベル метка",
    "number": "score similarity similarityscore relatedness relatednessscore rating value number mean avg average gold "
    "label target 分数 相似度",
    "words": "tokens words sentence wordlist text chars characters",
    "tags": "nertags tags labels ner label bio nertag tag entities targets",
    "entities": "spans entities label labels annotations ner entity",
    "question": "question query prompt stem input q 问题 ctx premise context goal sentence",
    "options": "options choices candidates endings answers alternatives mcq 选项",
    "answer": "answer label answerkey correct target gold answeridx correctanswer rightanswer goldindex solution 答案 "
    "correctoption",
    "context": "context passage paragraph document text article story 文章",
    "good": "sentencegood good grammatical correct acceptable sentgood gut",
    "bad": "sentencebad bad ungrammatical incorrect unacceptable sentbad wrong",
    "more": "sentmore more stereotype stereotypical",
    "less": "sentless less antistereotype antistereotypical",
    "source": "source src document article dialogue text input question post body content abstract passage prompt "
    "instruction en english query sentence",
    "target": "target tgt summary highlights title reply response output answer headline abstract translation "
    "completion reference label zh de fr",
    "ignored": "id idx index guid uid uuid qid pid docid key _key url link date time timestamp split author "
    "source user lang language line number no num id1 id2 sentid pairid captionid docname file filename unnamed0 "
    "annotator",
}
"""What a column holds → its usual names, in small letters and without signs"""
ALIASES = {role: tuple(names.split()) for role, names in NAMES.items()}
KNOWN_NAMES = frozenset(name for names in ALIASES.values() for name in names if len(name) > 1)


def normalise_column(name: str) -> str:
    """Return a column's name in small letters, without signs: `Gold_Label` → `goldlabel`."""
    return re.sub(r"[\W_]", "", name.lower())


def is_known_name(name: str) -> bool:
    """Return whether a cell is the usual name of a column."""
    return normalise_column(name) in KNOWN_NAMES


def find_by_name(names: list[str], role: str) -> str:
    """Return the column that has the likeliest name for a role; empty where none has one."""
    by_normalised = {normalise_column(name): name for name in reversed(names)}
    return next((by_normalised[alias] for alias in ALIASES[role] if alias in by_normalised), "")


def is_ignored(name: str) -> bool:
    """Return whether a column's name says that it holds a number of the row or its origin."""
    return normalise_column(name) in ALIASES["ignored"]
