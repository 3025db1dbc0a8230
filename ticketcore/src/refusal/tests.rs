use super::*;

#[test]
fn a_message_begins_with_the_code_and_codes_are_distinct() {
    let refusals = [
        Refusal::NothingRequested,
        Refusal::Overloaded { retry_after_ms: 1 },
        Refusal::KeyReused { revision: Revision(1) },
        Refusal::SeatsUnavailable(Vec::new()),
        Refusal::OrphanSeat(Vec::new()),
    ];
    for refusal in refusals {
        assert_eq!(refusal.to_string().split(':').next(), Some(refusal.code()));
        assert!(Refusal::CODES.contains(&refusal.code()));
    }
    let mut codes = Refusal::CODES.to_vec();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Refusal::CODES.len());
}
