"""The list of mutants still fits the code; `python -m tests.mutants` applies them."""

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_every_mutant_still_finds_its_old_text_exactly_once(mutant: Mutant) -> None:
    broken = mutant.applied((ROOT / mutant.path).read_text(encoding="utf-8"))
    assert broken is not None
    compile(broken, mutant.file, "exec")
    assert all((ROOT / test).is_file() for test in mutant.tests)


def test_every_rule_is_broken_once_and_every_layer_that_money_passes_has_its_mutants() -> None:
    assert len({mutant.rule for mutant in MUTANTS}) == len(MUTANTS)
    folders = {mutant.file.split("/")[0] for mutant in MUTANTS}
    assert {"domain", "trading", "crosstrade", "cli_press.py"} <= folders
