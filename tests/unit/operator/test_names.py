"""Names in Pachyderm: valid, short enough, and apart after Kubernetes has folded them."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.api.names import MAX_PROJECT_NAME, pachyderm_names

PIPELINE = re.compile(r"^[a-z0-9][a-z0-9-]*$")
LABELS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63).filter(
    lambda text: text[0] != "-" and text[-1] != "-"
)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PROJECTS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=MAX_PROJECT_NAME).filter(
    lambda text: text[0] not in "-_"
)


@given(LABELS, NAMES, PROJECTS)
def test_names_are_valid_and_leave_room_for_five_digits_of_a_version(namespace: str, name: str, project: str) -> None:
    names = pachyderm_names(namespace, name, project)
    for each in names.values():
        assert PIPELINE.match(each)
        assert len(each) <= 51
        assert len(f"{project}-{each}-v99999") <= 63
    assert len(set(names.values())) == 6


@given(st.lists(st.tuples(LABELS, NAMES), min_size=2, max_size=30, unique=True))
def test_different_objects_have_different_names_even_after_folding(objects: list[tuple[str, str]]) -> None:
    folded = [
        each.lower().replace("_", "-")
        for namespace, name in objects
        for each in pachyderm_names(namespace, name, "default").values()
    ]
    assert len(set(folded)) == len(folded)


def test_the_boundary_between_namespace_and_name_matters() -> None:
    assert pachyderm_names("a-b", "c", "default")["train"] != pachyderm_names("a", "b-c", "default")["train"]


def test_names_never_change() -> None:
    """Pipelines are found by name: another rule would orphan the pipelines of every cluster."""
    parts = ("train", "select", "generate", "corpus", "base", "trials")
    assert pachyderm_names("ml", "thrones", "default") == {part: f"thrones-0ba64831977eb1b9-{part}" for part in parts}
    long = pachyderm_names("ml", "a.very.long.name.of.a.model", "project-of-20-chars-")
    assert long["generate"] == "a-very-lo-d09b7640900a04a7-generate"
