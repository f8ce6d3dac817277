"""The slot of one: the newest wins, drops are counted, a closed slot wakes its worker."""

import threading

from seq_amodal_ros.nodes.latest import LatestSlot


def test_the_newest_item_wins_and_drops_are_counted():
    slot = LatestSlot()
    for item in 'abc':
        slot.put(item)
    assert slot.take() == 'c'
    assert (slot.received, slot.replaced) == (3, 2)


def test_taking_waits_for_an_item():
    slot, taken = LatestSlot(), []
    worker = threading.Thread(target=lambda: taken.append(slot.take()))
    worker.start()
    slot.put('a')
    worker.join(10)
    assert taken == ['a']
    assert slot.replaced == 0


def test_closing_wakes_the_worker_with_nothing():
    slot, taken = LatestSlot(), []
    worker = threading.Thread(target=lambda: taken.append(slot.take()))
    worker.start()
    assert not slot.closed
    slot.close()
    worker.join(10)
    assert taken == [None]
    assert slot.closed


def test_what_lies_in_a_slot_that_is_closed_is_dropped():
    slot = LatestSlot()
    slot.put('a')
    slot.close()
    assert slot.take() is None
