import pytest

from capsule_inspect.passwords import mask_passwords


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "tune.storage=postgresql://me:p@ss/w:rd@host/db",
            "tune.storage=postgresql://me:***@host/db",
        ),
        ("redis://:geheim@host", "redis://:***@host"),
        ("mysql://host/db?user=me&password=geheim&x=1", "mysql://host/db?user=me&password=***&x=1"),
        ("storage: 'pg://h/d?sslpassword=geheim'", "storage: 'pg://h/d?sslpassword=***'"),
        ("a: pg://me:one@h\nb: me@home", "a: pg://me:***@h\nb: me@home"),
        ("sqlite:///runs/a.db", "sqlite:///runs/a.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("train.epochs=3", "train.epochs=3"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, masked: str):
    assert mask_passwords(text) == masked
