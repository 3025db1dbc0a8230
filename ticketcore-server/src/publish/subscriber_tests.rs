use std::task::Waker;
use std::time::Duration;

use super::super::published::Published;
use super::super::testing::{Shop, small};
use super::*;

/// What is there at once; `None` at the end.
fn frames(subscriber: &mut Subscriber) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut *subscriber).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => {
                found.push(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap());
            }
            Poll::Ready(None) => return (found, true),
            Poll::Pending => return (found, false),
        }
    }
}

fn ids(frames: &[String]) -> Vec<u64> {
    let id = |frame: &String| {
        frame.lines().find_map(|line| line.strip_prefix("id: ")).and_then(|id| id.parse().ok())
    };
    frames.iter().filter_map(id).collect()
}

async fn open(published: &Arc<Published>, shop: &Shop, since: Option<u64>) -> Subscriber {
    published.subscribe(shop.event, since.map(Revision)).await.unwrap()
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_gets_nothing_twice() {
    let shop = Shop::new(&small());
    let mut steady = open(&shop.published, &shop, None).await;
    let (first, _) = frames(&mut steady);
    assert!(first[0].starts_with("retry: 2000\n\nid: "), "{first:?}");
    let (mut all, mut pieces) = (Vec::new(), Vec::new());
    let mut last = ids(&first)[0];
    for at in 0..30 {
        shop.moves(1, &[at]);
        all.extend(frames(&mut steady).0);
        if at % 3 == 2 {
            // Away for three changes, back for as long as it takes to read them.
            let mut visitor = open(&shop.published, &shop, Some(last)).await;
            let (found, ended) = frames(&mut visitor);
            assert!(!ended && found[0] == "retry: 2000\n\n");
            last = *ids(&found).last().unwrap();
            pieces.extend(found.into_iter().skip(1));
        }
    }
    assert_eq!(all.len(), 30);
    assert_eq!(all, pieces);
    assert!(ids(&all).is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn who_was_away_too_long_is_told_to_read_again() {
    let options = PublishOptions { changes_max: 4, subscriber_lag_max: 4, ..PublishOptions::default() };
    let shop = Shop::with(&small(), options);
    let start = shop.published.snapshot(shop.event).await.unwrap().revision.0;
    for at in 0..6 {
        shop.moves(1, &[at]);
    }
    let now = shop.published.snapshot(shop.event).await.unwrap().revision.0;
    let (found, _) = frames(&mut open(&shop.published, &shop, Some(start)).await);
    assert_eq!((found.len(), ids(&found)), (1, vec![now]));
    assert!(found[0].contains("event: reload\n"), "{found:?}");
    // A number from nowhere starts from here.
    let (found, _) = frames(&mut open(&shop.published, &shop, Some(u64::MAX)).await);
    assert_eq!((found.len(), ids(&found)), (1, vec![now]));
    assert!(found[0].contains("event: change\n") && found[0].contains("\"seats\":[]"), "{found:?}");
}

#[tokio::test]
async fn a_slow_reader_is_ended_and_others_go_on() {
    let shop = Shop::with(&small(), PublishOptions { subscriber_lag_max: 8, ..PublishOptions::default() });
    let (mut slow, mut quick) =
        (open(&shop.published, &shop, None).await, open(&shop.published, &shop, None).await);
    let last = ids(&frames(&mut slow).0)[0];
    frames(&mut quick);
    for at in 0..9 {
        shop.moves(1, &[at]);
        assert_eq!(frames(&mut quick).0.len(), 1);
    }
    assert_eq!(frames(&mut slow), (Vec::new(), true));
    assert!(slow.is_end_stream());
    assert_eq!(shop.published.subscribers(), 2);
    drop(slow);
    assert_eq!(shop.published.subscribers(), 1);
    // Back again, it gets all that it missed, however much more than it may be behind.
    let mut again = open(&shop.published, &shop, Some(last)).await;
    let (found, ended) = frames(&mut again);
    assert_eq!((found.len(), ended), (10, false));
    // Eight that wait are not too many.
    for at in 9..17 {
        shop.moves(1, &[at]);
    }
    assert_eq!(frames(&mut again).0.len(), 8);
}

#[tokio::test]
async fn what_changes_nothing_on_the_map_is_not_told() {
    let shop = Shop::new(&small());
    let mut reader = open(&shop.published, &shop, None).await;
    frames(&mut reader);
    let hold = shop.moves(1, &[0]);
    assert_eq!(frames(&mut reader).0.len(), 1);
    let request = ticketcore::OpenOrderRequest { hold, user: ticketcore::UserId::from(1), key: None };
    shop.office.open_order(request).wait().unwrap();
    shop.published.refresh(shop.event).unwrap();
    assert_eq!(frames(&mut reader), (Vec::new(), false));
    shop.moves(2, &[1]);
    let (found, _) = frames(&mut reader);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("[[\"A-1-2\",\"held\"]]"), "{found:?}");
}

#[tokio::test]
async fn there_is_room_for_so_many_only() {
    let shop = Shop::with(&small(), PublishOptions { subscribers_max: 2, ..PublishOptions::default() });
    let first = open(&shop.published, &shop, None).await;
    let _second = open(&shop.published, &shop, None).await;
    let refused = shop.published.subscribe(shop.event, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::Overloaded);
    drop(first);
    open(&shop.published, &shop, None).await;
}

#[tokio::test]
async fn a_subscriber_takes_a_hundred_bytes_and_ten_thousand_are_told_quickly() {
    // The rest is the connection's: its task, its buffers, its socket.
    assert!(size_of::<Subscriber>() <= 112, "{}", size_of::<Subscriber>());
    let shop = Shop::new(&small());
    let mut all = Vec::new();
    for _ in 0..10_000 {
        all.push(open(&shop.published, &shop, None).await);
    }
    all.iter_mut().for_each(|one| assert_eq!(frames(one).0.len(), 1));
    shop.moves(1, &[5]);
    let bytes = shop.published.snapshot(shop.event).await.unwrap();
    let bytes = &bytes.last_change().unwrap().frame;
    for one in &mut all {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(one).poll_frame(&mut context) else {
            panic!("no change")
        };
        assert_eq!(frame.into_data().unwrap().as_ptr(), bytes.as_ptr(), "one buffer for all");
    }
    drop(all);
    assert_eq!(shop.published.subscribers(), 0);
}

#[tokio::test]
async fn a_stream_is_kept_open_by_comments() {
    use http_body_util::BodyExt;
    let shop = Shop::new(&small());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let published = Published::start(
        Arc::clone(&shop.office),
        PublishOptions { heartbeat_ms: 200, ..PublishOptions::default() },
        stopped,
    );
    let mut reader = open(&published, &shop, None).await;
    let mut beats = 0;
    let listen = async {
        while let Some(frame) = reader.frame().await {
            beats += u32::from(frame.unwrap().into_data().unwrap() == HEARTBEAT);
        }
    };
    tokio::time::timeout(Duration::from_millis(1_500), listen).await.unwrap_err();
    assert!((2..=8).contains(&beats), "{beats}");
}
