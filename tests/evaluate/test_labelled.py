from pathlib import Path

import numpy as np
import pytest

from tasks.evaluate.labelled import LabelledTexts, Part
from tasks.failure import StageFailure


def part(*labels: int) -> Part:
    return Part([f"text {row}" for row in range(len(labels))], np.array(labels, dtype=np.int64), ["here"] * len(labels))


def made(train: Part, validation: Part, test: Part, names: list[str] | None = None) -> LabelledTexts:
    return LabelledTexts("made", "about", names or ["x", "y"], train, validation, test)


def test_a_smaller_sample_lies_in_the_larger_one_of_its_seed() -> None:
    data = made(part(*[0, 1] * 20), part(0), part(1))
    small, large = (data.sample(count, 3) for count in (2, 8))
    assert set(small.texts) < set(large.texts)
    assert np.bincount(small.labels).tolist() == [2, 2]
    assert data.sample(2, 3).texts == small.texts
    assert data.sample(2, 4).texts != small.texts


def test_too_few_examples_of_a_class_are_named() -> None:
    with pytest.raises(StageFailure, match=r"class 'y' of made has 1 training examples, and 2 labels"):
        made(part(0, 0, 0, 1), part(0), part(0)).sample(2, 0)


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(StageFailure, match="has 1 class"):
        made(part(0), part(0), part(0), ["x"]).checked()
    with pytest.raises(StageFailure, match="no training example of the class 'y'"):
        made(part(0), part(1), part(1)).checked()
    with pytest.raises(StageFailure, match="empty test part"):
        made(part(0, 1), part(1), part()).checked()


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    data = made(part(0, 1, 1), part(1), part(0, 1))
    data.save(tmp_path / "data.parquet")
    again = LabelledTexts.load(tmp_path / "data.parquet")
    assert (again.name, again.about, again.names) == (data.name, data.about, data.names)
    for name, each in data.parts.items():
        assert again.parts[name].texts == each.texts
        assert again.parts[name].labels.tolist() == each.labels.tolist()
        assert again.parts[name].origins == each.origins


def test_thinned_keeps_most_of_its_rows_when_others_come() -> None:
    before, after = part(*[0] * 1000), part(*[0] * 1100)
    drawn, later = before.thinned(100, 0), after.thinned(100, 0)
    assert len(drawn) == len(later) == 100
    assert len(set(drawn.texts) & set(later.texts)) > 80
    assert drawn.texts != before.thinned(100, 1).texts
    assert [int(text.split()[1]) for text in drawn.texts] == sorted(int(text.split()[1]) for text in drawn.texts)
    assert part(0, 1).thinned(2, 0).texts == ["text 0", "text 1"]
    assert part().thinned(5, 0).texts == []


def test_the_digest_names_texts_and_labels_and_a_text_has_its_own() -> None:
    one, other = made(part(0, 1), part(0), part(1)), made(part(1, 0), part(0), part(1))
    assert one.digest == made(part(0, 1), part(0), part(1)).digest
    assert one.digest != other.digest
    assert part(0, 0, 0).text_ids.tolist()[:2] == part(1, 1).text_ids.tolist()
    assert len(set(part(0, 0, 0).text_ids.tolist())) == 3
