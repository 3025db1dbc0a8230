//! Every command an event understands, owned, so that it can wait for the event to open and be decided again.

use crate::answer::CommandError;
use crate::event::{Layout, ShardSet};
use crate::fact::Keyed;
use crate::id::{AllocationIndex, HoldNumber, Revision, UserId};
use crate::key::{Fingerprinted, IdempotencyKey, Operation, key_tag};
use crate::order::{
    CheckoutRequest, ExchangeRequest, ObserveRequest, PayRequest, PaymentRulesRequest, RedeemRequest,
    StaffOrderRequest, TransferRequest,
};
use crate::request::{
    AmendRequest, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, ManifestRequest,
    OpenOrderRequest, PlacesRequest, ReleaseRequest, SaleStateRequest, SeatsRequest,
};
use crate::voucher::{AddVouchersRequest, RevokeVouchersRequest};
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest, WaitingRulesRequest};

/// A command to one event.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Hold(HoldRequest),
    Amend(Box<AmendRequest>),
    Extend(ExtendRequest),
    Release(ReleaseRequest),
    OpenOrder(OpenOrderRequest),
    ConfirmOrder(CloseOrderRequest),
    CancelOrder(CloseOrderRequest),
    Seats(Box<SeatsRequest>),
    Places(PlacesRequest),
    ForceRelease(ForceReleaseRequest),
    ReleaseAllocation(AllocationIndex),
    SaleState(SaleStateRequest),
    Manifest(Box<ManifestRequest>),
    PaymentRules(Box<PaymentRulesRequest>),
    Checkout(Box<CheckoutRequest>),
    Pay(Box<PayRequest>),
    Observe(Box<ObserveRequest>),
    StaffOrder(Box<StaffOrderRequest>),
    Transfer(Box<TransferRequest>),
    Exchange(Box<ExchangeRequest>),
    Redeem(Box<RedeemRequest>),
    AddVouchers(Box<AddVouchersRequest>),
    RevokeVouchers(Box<RevokeVouchersRequest>),
    WaitingRules(WaitingRulesRequest),
    JoinWaiting(Box<JoinWaitingRequest>),
    LeaveWaiting(Box<LeaveWaitingRequest>),
    /// Maintenance: hold for an entry of the waiting list what fits its wish.
    Offer(Revision, UserId),
    /// Maintenance: end an overdue hold.
    Expire(HoldNumber),
    /// Maintenance: release an allocation whose time has come.
    ReleaseDue(AllocationIndex),
}

/// The key of a command with all it takes to look it up.
pub(crate) struct CommandKey<'a> {
    pub user: UserId,
    pub operation: Operation,
    pub key: &'a IdempotencyKey,
    body: &'a dyn Fingerprinted,
}

impl CommandKey<'_> {
    /// Its name in the tables of the event.
    pub fn tag(&self, layout: &Layout) -> u64 {
        key_tag(layout.manifest.rules().key_secret, self.user, self.operation, self.key)
    }

    /// The fingerprint of what is asked under it.
    pub fn fingerprint(&self) -> u64 {
        self.body.fingerprint()
    }

    /// What a fact says of it. Made late: most commands that are refused never need it.
    pub fn keyed(self) -> Keyed {
        Keyed { key: self.key.clone(), fingerprint: self.fingerprint() }
    }
}

impl Command {
    /// The shards that must be locked to decide it.
    pub fn shards(&self) -> ShardSet {
        match self {
            Command::Hold(r) => ShardSet::One(r.user.shard()),
            Command::Amend(r) => ShardSet::One(r.user.shard()),
            Command::Extend(r) => ShardSet::One(r.user.shard()),
            Command::Release(r) => ShardSet::One(r.user.shard()),
            Command::OpenOrder(r) => ShardSet::One(r.user.shard()),
            Command::ConfirmOrder(r) | Command::CancelOrder(r) => ShardSet::One(r.user.shard()),
            Command::Seats(r) => ShardSet::One(r.by.shard()),
            Command::ForceRelease(r) => ShardSet::two(r.by.shard(), r.hold.number.shard()),
            Command::Expire(number) => ShardSet::One(number.shard()),
            Command::LeaveWaiting(r) => ShardSet::One(r.user.shard()),
            Command::Offer(_, user) => ShardSet::One(user.shard()),
            Command::Checkout(r) => ShardSet::One(r.user.shard()),
            Command::Pay(r) => ShardSet::One(r.user.shard()),
            Command::Exchange(r) => ShardSet::One(r.user.shard()),
            Command::Observe(r) => ShardSet::One(r.order.number.shard()),
            Command::StaffOrder(r) => ShardSet::two(r.by.shard(), r.order.number.shard()),
            Command::Transfer(r) => ShardSet::two(r.user.shard(), r.order.number.shard()),
            Command::Redeem(r) => ShardSet::two(r.by.shard(), r.ticket.order.number.shard()),
            Command::Places(_)
            | Command::ReleaseAllocation(_)
            | Command::ReleaseDue(_)
            | Command::SaleState(_)
            | Command::PaymentRules(_)
            | Command::AddVouchers(_)
            | Command::RevokeVouchers(_)
            | Command::WaitingRules(_)
            | Command::JoinWaiting(_)
            | Command::Manifest(_) => ShardSet::All,
        }
    }

    /// Who gives a code with it, if anybody does.
    pub fn gives_code(&self) -> Option<UserId> {
        match self {
            Command::Hold(r) => (r.voucher.is_some() || r.access_code.is_some()).then_some(r.user),
            Command::Amend(r) => r.access_code.is_some().then_some(r.user),
            _ => None,
        }
    }

    /// The answer when it can't be decided now, for this reason.
    pub fn not_decided(&self, reason: String) -> CommandError {
        if self.key().is_some() { CommandError::Unknown { reason } } else { CommandError::Failed { reason } }
    }

    /// As [`not_decided`](Self::not_decided), from an error that kept it from being decided.
    pub fn kept_from(&self, error: CommandError) -> CommandError {
        match error {
            CommandError::Failed { reason } => self.not_decided(reason),
            other => other,
        }
    }

    /// Its idempotency key, if it came with one.
    pub fn key(&self) -> Option<CommandKey<'_>> {
        macro_rules! keyed {
            ($request:expr, $user:expr, $operation:expr) => {{
                let key = $request.key.as_ref()?;
                Some(CommandKey { user: $user, operation: $operation, key, body: $request })
            }};
        }
        match self {
            Command::Hold(r) => keyed!(r, r.user, Operation::Hold),
            Command::Amend(r) => keyed!(&**r, r.user, Operation::Amend),
            Command::Extend(r) => keyed!(r, r.user, Operation::Extend),
            Command::Release(r) => keyed!(r, r.user, Operation::Release),
            Command::OpenOrder(r) => keyed!(r, r.user, Operation::OpenOrder),
            Command::ConfirmOrder(r) => keyed!(r, r.user, Operation::ConfirmOrder),
            Command::CancelOrder(r) => keyed!(r, r.user, Operation::CancelOrder),
            Command::Checkout(r) => keyed!(&**r, r.user, Operation::OpenOrder),
            Command::Pay(r) => keyed!(&**r, r.user, Operation::Order),
            Command::Transfer(r) => keyed!(&**r, r.user, Operation::Order),
            Command::Exchange(r) => keyed!(&**r, r.user, Operation::Order),
            Command::StaffOrder(r) => keyed!(&**r, r.by, Operation::StaffOrder),
            Command::Redeem(r) => keyed!(&**r, r.by, Operation::Redeem),
            Command::Seats(r) => keyed!(&**r, r.by, Operation::Staff),
            Command::Places(r) => keyed!(r, r.by, Operation::Staff),
            Command::JoinWaiting(r) => keyed!(&**r, r.user, Operation::Waiting),
            Command::LeaveWaiting(r) => keyed!(&**r, r.user, Operation::Waiting),
            Command::AddVouchers(r) => keyed!(&**r, r.by, Operation::Staff),
            Command::RevokeVouchers(r) => keyed!(&**r, r.by, Operation::Staff),
            Command::ForceRelease(r) => keyed!(r, r.by, Operation::Staff),
            _ => None,
        }
    }
}
