import pytest

from capsule_inspect.pages.elements import Column, Row, make_table

COLUMNS = (Column("number"),)


def row(number: int) -> Row:
    return Row((str(number),), (f"ends with {number % 10}",))


@pytest.mark.parametrize("count", [0, 3, 5000])
def test_a_table_has_a_row_for_each_item_in_order(count):
    table = make_table(COLUMNS, range(count), row, can_go=lambda number: number == 0)
    assert [each.cells for each in table.rows] == [(str(number),) for number in range(count)]
    assert table.left_out == 0


def test_a_long_table_leaves_out_what_can_go_and_then_what_comes_last():
    table = make_table(COLUMNS, range(5004), row)
    assert (len(table.rows), table.rows[-1].cells, table.left_out) == (5000, ("4999",), 4)
    table = make_table(COLUMNS, range(5004), row, can_go=lambda number: number in (1, 7))
    shown = {cell for each in table.rows for cell in each.cells}
    assert {str(number) for number in range(5004)} - shown == {"1", "7", "5002", "5003"}


def test_the_groups_to_choose_from_are_those_of_the_rows_unless_others_are_given():
    assert make_table(COLUMNS, [13, 2, 23], row).groups == ("ends with 2", "ends with 3")
    assert make_table(COLUMNS, [13], row, groups=("a", "b")).groups == ("a", "b")
