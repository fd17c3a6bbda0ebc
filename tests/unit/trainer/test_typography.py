"""How replies are set: with the cues and the marks of the scene that they answer."""

import pytest

from scriptmodel_trainer.generation.typography import typography_of

SAID = 'I don\'t [rising] say "yes"--now.'
ROUND = SAID.replace("[", "(").replace("]", ")")
CURLY = "I don’t (rising) say “yes”—now."


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
