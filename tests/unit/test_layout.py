"""The rooms of the package, as CONTRIBUTING.md draws them: imports go one way."""

from statistics import median

import pytest
from structure import FLOORS, arrows, cycle, lengths, modules, packages, room_of

ROOMS = frozenset().union(*FLOORS)
LIGHT = ("imaging", "modelfile", "inference", "serving", "watching", "cluster")
HEAVY = ("tensorflow", "keras", "hydra", "omegaconf", "sklearn", "matplotlib", "albumentations")


def test_every_room_is_known():
    assert {room_of(module) for module in modules()} == ROOMS


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_from_its_room_and_from_floors_below(module):
    floor = next(number for number, rooms in enumerate(FLOORS) if room_of(module) in rooms)
    allowed = frozenset().union(*FLOORS[:floor]) | {room_of(module)}
    wrong = {target for target in arrows()[module] if room_of(target) not in allowed}
    assert not wrong


def test_no_modules_import_one_another_in_a_circle():
    assert cycle() == []


@pytest.mark.parametrize("room", LIGHT)
def test_a_light_room_names_no_heavy_package(room):
    for name, path in modules().items():
        if room_of(name) == room:
            assert not set(HEAVY) & set(packages(path)), name


def test_modules_hold_one_concept_each():
    sizes = lengths()
    assert max(sizes.values()) <= 450, max(sizes, key=sizes.__getitem__)
    assert 120 <= median(sizes.values()) <= 220
    assert sum(size < 30 for size in sizes.values()) < 10
