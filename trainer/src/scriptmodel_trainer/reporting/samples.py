"""Scripts of a model at some temperatures: the judge chooses from them, and the report shows the first of each."""

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import TAKES, Sampling

TEMPERATURES = (Sampling().temperature, 0.9)
SAMPLE_WORDS = 250


def sample_scripts(model: TrainedModel, count: int) -> dict[float, list[list[str]]]:
    """Return the tokens of `count` scripts at each temperature.

    The first script does not depend on `count`. A model that started from a base writes at its own alone, so that
    the first script is not waited for. Raises BadInputError if the model cannot write.
    """
    base = model.origin.base
    temperatures = (model.temperature,) if base and base.name else TEMPERATURES
    rows = [(temperature, number) for temperature in temperatures for number in range(count)]
    samplings = [Sampling(temperature, takes=TAKES) for temperature, _ in rows]
    seeds = [(model.origin.seed, number) for _, number in rows]
    scripts = iter(model.writer().write_together(SAMPLE_WORDS, samplings, seeds, Opening()))
    return {temperature: [next(scripts).tokens for _ in range(count)] for temperature in temperatures}
