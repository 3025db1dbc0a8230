use proptest::prelude::*;

use super::*;

fn config() -> ControlConfig {
    ControlConfig { target_active: 1_000, floor_active: 50, calls_per_s_max: 200, ..ControlConfig::default() }
}

fn well(at: UtcMs) -> Measured {
    Measured {
        at,
        waiting: 100_000,
        health: Some(Health { at, checkout_p99_ms: Some(100.0), ..Health::default() }),
        stock: Some(Stock { free: 80_000, held: 0 }),
        ..Measured::default()
    }
}

/// Steps of a second, all measured alike; the last one's word.
fn steps(controller: &mut Controller, from: u64, count: u64, change: impl Fn(&mut Measured)) -> Step {
    let mut last = None;
    for second in from..from + count {
        let mut measured = well(UtcMs(second * 1_000));
        change(&mut measured);
        last = Some(controller.step(&config(), &measured));
    }
    last.unwrap()
}

#[test]
fn it_grows_to_the_target_and_no_further() {
    let mut controller = Controller::new(&config());
    let step = steps(&mut controller, 1, 100, |_| {});
    assert_eq!((step.limit, step.call, step.bound), (1_000, 200, Bound::Rate));
    let full = steps(&mut controller, 101, 1, |measured| measured.active = 1_000);
    assert_eq!((full.call, full.bound), (0, Bound::Active));
}

#[test]
fn whatever_goes_wrong_cuts_it_once_a_cooldown_to_the_floor() {
    let wrongs: [fn(&mut Health); 5] = [
        |health| health.checkout_p99_ms = Some(2_001.0),
        |health| health.errors = Some(0.06),
        |health| health.shed = Some(0.02),
        |health| health.authorise_ms = Some(5_001.0),
        |health| health.gateway_out = true,
    ];
    for wrong in wrongs {
        let mut controller = Controller::new(&config());
        steps(&mut controller, 1, 100, |_| {});
        let bad = |measured: &mut Measured| measured.health.iter_mut().for_each(wrong);
        assert_eq!(steps(&mut controller, 101, 1, bad).limit, 700);
        assert_eq!(steps(&mut controller, 102, 4, bad).limit, 700, "once a cooldown");
        assert!((489..=490).contains(&steps(&mut controller, 106, 1, bad).limit));
        assert_eq!(steps(&mut controller, 107, 600, bad).limit, 50);
        assert_eq!(steps(&mut controller, 707, 100, |_| {}).limit, 1_000, "it recovers");
    }
}

#[test]
fn nobody_is_called_while_the_gateway_is_out() {
    let mut controller = Controller::new(&config());
    let out =
        |measured: &mut Measured| measured.health.iter_mut().for_each(|health| health.gateway_out = true);
    let step = steps(&mut controller, 1, 600, out);
    assert_eq!((step.call, step.bound), (0, Bound::Gateway));
    assert!(steps(&mut controller, 601, 1, |_| {}).call > 0);
}

#[test]
fn a_gateway_on_trial_is_tried_by_a_few_and_never_waits_for_ever() {
    let mut controller = Controller::new(&config());
    steps(&mut controller, 1, 100, |_| {});
    let trial = |active| {
        move |measured: &mut Measured| {
            measured.active = active;
            measured.health.iter_mut().for_each(|health| health.gateway_on_trial = true);
        }
    };
    let step = steps(&mut controller, 101, 1, trial(3));
    assert_eq!((step.call, step.limit, step.bound), (47, 50, Bound::Health));
    let step = steps(&mut controller, 102, 1, trial(50));
    assert_eq!((step.call, step.bound), (0, Bound::Health));
    assert_eq!(steps(&mut controller, 103, 600, trial(0)).call, 50);
    assert_eq!(steps(&mut controller, 703, 100, |_| {}).limit, 1_000, "it recovers");
}

#[test]
fn what_is_missing_old_or_no_number_is_not_taken_for_good() {
    let wrongs: [fn(&mut Measured); 2] = [
        |measured| measured.health = None,
        |measured| measured.health.iter_mut().for_each(|health| health.at = UtcMs(0)),
    ];
    for wrong in wrongs {
        let mut controller = Controller::new(&config());
        assert_eq!(steps(&mut controller, 20, 100, wrong).limit, 50);
    }
    let mut controller = Controller::new(&config());
    let no_numbers = |measured: &mut Measured| {
        let health = measured.health.as_mut().unwrap();
        health.checkout_p99_ms = Some(f64::NAN);
        health.errors = Some(-1.0);
        health.shed = Some(f64::INFINITY);
    };
    let step = steps(&mut controller, 1, 10, no_numbers);
    assert!(step.limit <= 1_000 && step.call <= 200);
}

#[test]
fn it_stops_when_those_inside_will_buy_what_is_left_and_goes_on_when_holds_come_back() {
    let mut controller = Controller::new(&config());
    let left = |free, active| {
        move |measured: &mut Measured| {
            measured.stock = Some(Stock { free, held: 10 });
            measured.active = active;
        }
    };
    let step = steps(&mut controller, 1, 1, left(100, 50));
    assert_eq!((step.call, step.bound, step.enough_for), (0, Bound::Stock, Some(0)));
    let step = steps(&mut controller, 2, 1, left(120, 50));
    assert_eq!((step.call, step.bound), (10, Bound::Stock));
    let step = steps(&mut controller, 3, 1, left(0, 5));
    assert_eq!((step.call, step.bound), (0, Bound::Stock));
    let out = |measured: &mut Measured| measured.stock = Some(Stock::default());
    let step = steps(&mut controller, 4, 1, out);
    assert_eq!((step.call, step.bound), (0, Bound::SoldOut));
    assert!(steps(&mut controller, 5, 1, left(50, 5)).call > 0);
}

#[test]
fn somebody_is_called_for_the_last_place() {
    let mut controller = Controller::new(&config());
    let last = |measured: &mut Measured| measured.stock = Some(Stock { free: 1, held: 0 });
    assert_eq!(steps(&mut controller, 1, 1, last).call, 1);
}

#[test]
fn who_does_not_come_gives_his_place_on() {
    let mut controller = Controller::new(&config());
    let half = |measured: &mut Measured| {
        measured.calls_ended = 100;
        measured.came = 50;
        measured.active = 900;
    };
    let step = steps(&mut controller, 1, 60, half);
    assert!((step.show - 0.5).abs() < 0.03, "{}", step.show);
    assert!((190..=200).contains(&step.call), "a hundred more inside takes two hundred calls: {}", step.call);
}

#[test]
fn an_operator_may_set_it_by_hand() {
    let mut controller = Controller::new(&config());
    let config = ControlConfig { fixed_active: Some(0), ..config() };
    let step = controller.step(&config, &well(UtcMs(1_000)));
    assert_eq!((step.call, step.limit, step.bound), (0, 0, Bound::Operator));
    let config = ControlConfig { fixed_active: Some(120), ..config };
    let step = controller.step(&config, &Measured { active: 100, health: None, ..well(UtcMs(2_000)) });
    assert_eq!((step.call, step.limit), (20, 120));
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(-1.0)),
        (0.0..1.0f64).prop_map(Some),
        (0.0..1e9f64).prop_map(Some)
    ]
}

fn measured() -> impl Strategy<Value = Measured> {
    let people = (0..2_000_000u64, 0..3_000u64, 0..3_000u64, 0..2_000u32, prop::option::of(0..3_000u32));
    let seen = (0..1_000u64, 0..1_000u64, 0..1_000u64, 0..10_000u64);
    let health =
        (number(), number(), number(), number(), any::<bool>(), any::<[bool; 2]>(), 0..10_000_000u64);
    let stock = prop::option::of((0..100_000u64, 0..10_000u64));
    (0..10_000_000u64, people, seen, health, stock).prop_map(|(at, people, seen, health, stock)| Measured {
        at: UtcMs(at),
        waiting: people.0,
        called_lately: people.1,
        came_lately: people.2,
        active: people.3,
        browsing: people.4,
        calls_ended: seen.0,
        came: seen.1,
        went: seen.2,
        taken: seen.3,
        health: health.4.then_some(Health {
            at: UtcMs(health.6),
            checkout_p99_ms: health.0,
            errors: health.1,
            shed: health.2,
            authorise_ms: health.3,
            gateway_out: health.5[0],
            gateway_on_trial: health.5[1],
        }),
        stock: stock.map(|(free, held)| Stock { free, held }),
    })
}

proptest! {
    /// Whatever is measured, in whatever order of time: the limit stays between floor and target, nobody is called who is not there, no
    /// more than the rate allows, no more than there is room for if all come; and then it recovers.
    #[test]
    fn it_is_bounded_and_recovers(all in prop::collection::vec(measured(), 1..60)) {
        let mut controller = Controller::new(&config());
        for measured in &all {
            let step = controller.step(&config(), measured);
            prop_assert!((50..=1_000).contains(&step.limit));
            prop_assert!(step.call <= measured.waiting.min(200));
            let room = u64::from(step.limit.saturating_sub(measured.active));
            prop_assert!(count(step.call) * step.show <= count(room) + 1e-6);
            if let Some(stock) = measured.stock {
                let wanted = count(step.call) * step.show * step.tickets_per_person;
                prop_assert!(wanted <= count(stock.free).max(step.tickets_per_person) + 1e-6);
                prop_assert!(stock.free > 0 || step.call == 0);
            }
        }
        let last = steps(&mut controller, 20_000, 60, |_| {});
        prop_assert_eq!(last.limit, 1_000);
        prop_assert!(last.call > 0);
    }
}
