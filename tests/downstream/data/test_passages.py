from tasks.downstream.data.passages import compile_name_pattern, count_words, mask_names, split_passages


def test_passages_are_consecutive_and_keep_the_text_between_words() -> None:
    assert split_passages("a b\n c d e f g", 3) == ["a b\n c", "d e f"]
    assert split_passages("a b", 3) == []


def test_chinese_characters_are_words() -> None:
    assert split_passages("今天天气好 very good", 4) == ["今天天气"]
    assert split_passages("今天天气好 very good", 7) == ["今天天气好 very good"]


def test_identifiers_that_contain_a_name_are_masked() -> None:
    pattern = compile_name_pattern(["numpy", "json"])
    text = "see numpy.linalg.norm, then my_numpy2 and /usr/lib/numpy/core.py or Json.dumps(x)"
    assert mask_names(text, pattern, "_") == "see _, then _ and _ or _(x)"


def test_a_short_name_inside_a_word_is_not_masked() -> None:
    pattern = compile_name_pattern(["pil"])
    assert mask_names("compile pil.Image spilt", pattern, "_") == "compile _ spilt"


def test_a_run_of_masks_becomes_one() -> None:
    assert mask_names("a numpy, numpy numpy b", compile_name_pattern(["numpy"]), "_") == "a _ b"


def test_masks_and_signs_do_not_count_as_words() -> None:
    assert count_words("_ -- the cat _ 7", "_") == 3
