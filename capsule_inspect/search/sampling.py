"""The search space, as Optuna takes it, and the settings of a trial."""

from collections.abc import Mapping
from dataclasses import replace

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import Value, plain_type, with_value
from capsule_inspect.settings.search_space import Dimension


def distributions(settings: Settings) -> dict[str, BaseDistribution]:
    """Returns the distribution of each searched setting, by key."""
    return {each.key: _distribution(each) for each in settings.space.dimensions}


def trial_settings(settings: Settings, drawn: Mapping[str, Value]) -> Settings:
    """Returns the settings of a trial.

    Args:
        settings: All settings.
        drawn: Values of searched settings, by dotted key.

    Returns:
        Settings with these values, for one run that trains for `tune.epochs` without early stopping
        and validates after each epoch.

    Raises:
        ConfigError: The values do not go together.
    """
    try:
        for key, value in drawn.items():
            settings = with_value(settings, key, value)
    except ValueError as error:
        raise ConfigError(
            f"The trial's settings do not go together: {error} Make the search space smaller."
        ) from error
    train = replace(
        settings.train,
        epochs=settings.tune.epochs,
        validate_every=1,
        patience=0,
        folds=0,
        seeds=1,
    )
    return replace(settings, train=train)


def _distribution(dimension: Dimension) -> BaseDistribution:
    kind = plain_type(Settings, dimension.key) or float
    values = dimension.values(kind)
    if dimension.choices:
        return CategoricalDistribution(values)
    low, high, *step = values
    if kind is int:
        return IntDistribution(int(low), int(high), dimension.log, *map(int, step))
    return FloatDistribution(float(low), float(high), dimension.log, *map(float, step))
