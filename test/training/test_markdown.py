"""Tables in Markdown."""

from training.markdown import head, row


def test_a_table_is_a_head_and_rows():
    assert [head(['layer', 'IOU']), row(['1', '94.3'])] == ['| layer | IOU |\n| --- | --- |',
                                                            '| 1 | 94.3 |']
