//! A node that does not know yet what another one did refuses nobody for what is not so any more, and catches up by itself.

use ticketcore::testkit::{TwoNodes, held, rebased, refused};
use ticketcore::{Hold, Order, OrderState, Refusal};

#[test]
fn a_node_that_is_behind_refuses_nothing_that_the_other_gave_back() {
    let two = TwoNodes::small();
    let hold = two.a.hold(1, &[0, 1]).wait().unwrap();
    let all = two.a.hold_places(1, 20).wait().unwrap();
    rebased(&two.b, two.b.hold(2, &[9])).wait().unwrap();
    assert_eq!(held(&refused(rebased(&two.b, two.b.hold(3, &[0])).wait())), [0]);
    rebased(&two.a, two.a.release(hold.id, hold.user)).wait().unwrap();
    rebased(&two.a, two.a.release(all.id, all.user)).wait().unwrap();
    assert!(rebased(&two.b, two.b.hold(3, &[0])).wait().is_ok());
    let all = rebased(&two.a, two.a.hold_places(1, 20)).wait().unwrap();
    assert!(matches!(
        refused(rebased(&two.b, two.b.hold_places(3, 20)).wait()),
        Refusal::AreaExhausted { .. }
    ));
    rebased(&two.a, two.a.release(all.id, all.user)).wait().unwrap();
    assert!(rebased(&two.b, two.b.hold_places(3, 20)).wait().is_ok());
}

#[test]
fn a_node_that_is_behind_serves_the_holds_and_orders_of_the_other() {
    let two = TwoNodes::small();
    let hold = two.a.hold(1, &[0, 1]).wait().unwrap();
    let other = two.a.hold(2, &[2, 3]).wait().unwrap();
    let b = &two.b;
    let order = rebased(b, b.open_order(hold.id, hold.user)).wait().unwrap();
    let released = rebased(b, b.release(other.id, other.user)).wait().unwrap();
    assert!(released.revision.is_some(), "told that there was nothing to release");
    let order = rebased(&two.a, two.a.confirm(order.id, order.user)).wait().unwrap();
    assert_eq!(
        rebased(b, b.open_order(hold.id, hold.user)).wait().unwrap(),
        Order { replayed: true, ..order }
    );
    assert_eq!(
        rebased(b, b.confirm(hold.id.order(), hold.user)).wait().unwrap().state,
        OrderState::Confirmed
    );
    let keyed = two.a.hold_keyed(3, &[4], "retry").wait().unwrap();
    two.a.release(keyed.id, keyed.user).wait().unwrap();
    two.a.hold(4, &[4]).wait().unwrap();
    assert_eq!(rebased(b, b.hold_keyed(3, &[4], "retry")).wait().unwrap(), Hold { replayed: true, ..keyed });
    let fresh = two.a.hold(5, &[5]).wait().unwrap();
    assert_eq!(b.office.find_hold(fresh.id, fresh.user).unwrap(), fresh);
}

#[test]
fn a_node_without_commands_of_its_own_follows_the_other() {
    let two = TwoNodes::small();
    let hold = two.a.hold(1, &[0, 1]).wait().unwrap();
    two.b.clock.advance(1_000);
    two.b.office.maintain();
    let available = two.b.office.availability(two.b.event).unwrap();
    assert_eq!((available.revision, available.sections[0].held), (hold.version, 2));
    two.b.clock.set(hold.deadline);
    assert_eq!(two.b.office.maintain().ended, 1, "either node expires it");
    two.settle();
}
