//! Signing and verifying ticket codes, looking them up in a list of revocations, drawing them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::ticket::{
    DeadTicket, KeyId, RevocationList, TicketClaims, TicketCode, TicketKeys, TicketPlace, verify, verify_many,
};
use ticketcore::{EventId, HoldNumber, OrderId, Revision, SeatIndex, TicketId, TicketTypeIndex, UtcMs};

const NOW: UtcMs = UtcMs(1_800_000_000_000);
const EVENT: EventId = EventId(7);
const DEAD: u32 = 100_000;

fn ticket(n: u32) -> TicketId {
    let number = HoldNumber::new(Revision(u64::from(n) * 3), n as usize % 64);
    TicketId { order: OrderId { event: EVENT, number }, index: n % 4 }
}

fn claims(n: u32) -> TicketClaims {
    TicketClaims {
        ticket: ticket(n),
        issue: 0,
        place: TicketPlace::Seat(SeatIndex(n)),
        ticket_type: TicketTypeIndex(0),
        signed_at: NOW,
        valid_from: NOW,
        valid_until: UtcMs::NEVER,
    }
}

fn codes(c: &mut Criterion) {
    let keys = TicketKeys::new(KeyId(1), &[7; 32], UtcMs(0));
    let sign = |n| keys.sign(&claims(n)).expect("the key is in use");
    let mut group = c.benchmark_group("ticket code");
    group.throughput(Throughput::Elements(1));
    let mut n = 0;
    group.bench_function("sign", |b| {
        b.iter(|| {
            n += 1;
            sign(n)
        });
    });
    let code = sign(1);
    let text = code.to_string();
    let (modules, png) = (code.qr().size(), code.qr().png(8).len());
    println!(
        "a code has {} bytes, {} characters, {modules} x {modules} modules",
        code.as_bytes().len(),
        text.len()
    );
    println!("as SVG {} bytes, as PNG of 8 pixels a module {png} bytes", code.qr().svg().len());
    group.bench_function("parse", |b| b.iter(|| black_box(&text).parse::<TicketCode>()));
    group.bench_function("verify", |b| b.iter(|| verify(black_box(&code), keys.public(), NOW)));
    group.bench_function("qr, svg", |b| b.iter(|| black_box(&code).qr().svg()));
    group.bench_function("qr, png", |b| b.iter(|| black_box(&code).qr().png(8)));
    let many: Vec<TicketCode> = (0..1_280).map(sign).collect();
    group.throughput(Throughput::Elements(many.len() as u64));
    group.bench_function("verify_many", |b| b.iter(|| verify_many(black_box(&many), keys.public(), NOW)));
    group.finish();
}

fn revocations(c: &mut Criterion) {
    let keys = TicketKeys::new(KeyId(1), &[7; 32], UtcMs(0));
    let dead = (0..DEAD).map(|n| {
        let TicketId { order, index } = ticket(n * 2);
        DeadTicket { order: order.number, index, issue: 0 }
    });
    let list = RevocationList::new(EVENT, Revision(1), NOW, dead.collect()).expect("not too many");
    let bytes = list.sign(&keys).expect("the key is in use");
    println!("{DEAD} revocations take {} bytes", bytes.len());
    let mut group = c.benchmark_group("revocations, 100,000");
    let mut n = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("contains", |b| {
        b.iter(|| {
            n = (n + 7_919) % (2 * DEAD);
            list.contains(ticket(n), 0)
        });
    });
    group.throughput(Throughput::Elements(u64::from(DEAD)));
    group.bench_function("read", |b| b.iter(|| RevocationList::read(black_box(&bytes), keys.public(), NOW)));
    group.finish();
}

criterion_group!(benches, codes, revocations);
criterion_main!(benches);
