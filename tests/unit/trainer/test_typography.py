"""How replies are set: with the cues and the marks of the scene that they answer."""

import pytest

from scriptmodel_trainer.generation.typography import typography_of

SAID = 'I don\'t [rising] say "yes"--now.'
ROUND = SAID.replace("[", "(").replace("]", ")")
CURLY = "I don’t (rising) say “yes”—now."


ADDED = "\n[ MRS BELL ]: [rising] Letters.\n    More.\n{{ Enter [slowly] FRANK. }}\n{{ ACT II. }}\n[ FRANK ]: No.\n"


@pytest.mark.parametrize(
    ("scene", "added", "follows"),
    [
        (
            "FRANK. I wrote. (He sits.)\n\nMRS. BELL. I did.",
            ADDED,
            "\n\nMRS. BELL. (rising) Letters.\nMore.\n\n(Enter slowly FRANK.)\n\nACT II.\n\nFRANK. No.\n",
        ),
        ("[ FRANK ]: I wrote.\n[ MRS BELL ]: No.", ADDED, ADDED),
        ("FRANK: I wrote that", " letter.\n[ FRANK ]: No.\n{{ Enter", " letter.\n\nFRANK: No."),
        ("FRANK. I wrote.\n\nMRS. BELL. No.\n\nFRANK.", "Yes.\n[ MRS BELL ]: No.\n[ FRA", " Yes.\n\nMRS. BELL. No."),
        ("A room.", "\n[ FRANK ]: No.\n", "\n\nFRANK: No.\n"),
    ],
)
def test_what_a_writer_adds_is_set_as_the_scene_is(scene: str, added: str, follows: str) -> None:
    assert typography_of(scene, lambda _: False).text(added) == follows


@pytest.mark.parametrize(
    ("scene", "name", "follows"),
    [
        ("VIVIE. It’s mine.\n\nFRANK. “No”—not. (He sits.)\n", "VIVIE", f"\n\nVIVIE. {CURLY}"),
        ("VIVIE: You wrote.\nFRANK: No.\n", "VIVIE", f"\nVIVIE: {SAID}"),
        ("      VIVIE\n   You wrote.\n\n      FRANK\n   No.\n", "FRANK", f"\n\n      FRANK\n   {SAID}"),
        ("**Vivie**  \nYou wrote.\n\n**Frank**  \nNo, I did.\n", "OLD_BEN", f"\n\n**Old Ben**  \n{SAID}"),
        ("[ VIVIE ]: You wrote.\n[ FRANK ]: [rising] I did.\n", "FRANK", f"\n[ FRANK ]: {SAID}"),
        ("LADY BELL. You wrote.\n\nMRS. BELL. Letters.\n\nMRS. BELL. More.", "MRS_BELL", f"\n\nMRS. BELL. {SAID}"),
        ("VIVIE (V.O.)\nYou wrote.\n\nFRANK (CONT'D)\n(rising)\nNo.\n", "VIVIE", f"\n\nVIVIE\n{ROUND}"),
        ("VIVIE\n(softly)\nYou wrote.\n", "FRANK", f"\n\nFRANK\n{ROUND}"),
        ("VIVIE. ¿You wrote?\n\nFRANK. ¡No!\n", "FRANK", f"\n\nFRANK. {SAID}"),
        ("VIVIE [rising]: You wrote.\n\nFRANK [angry]: No.", "FRANK", f"\n\nFRANK: {SAID}"),
        ("VIVIE. You wrote.\n\nFRANK. No.\n\nVIVIE.", "VIVIE", f" {SAID}"),
        ("", "OLD_BEN", f"\n\nOLD BEN: {SAID}"),
    ],
)
def test_a_reply_is_set_as_the_scene_is(scene: str, name: str, follows: str) -> None:
    found = typography_of(scene, lambda _: False)
    assert found.speech(name, SAID) == follows
