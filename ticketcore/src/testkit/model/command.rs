//! Commands as values, for generated histories.

use super::{Answered, Model, ModelAnswer};
use crate::id::{AllocationIndex, HoldNumber};
use crate::request::{
    AmendRequest, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, ManifestRequest,
    OpenOrderRequest, PlacesRequest, ReleaseRequest, SaleStateRequest, SeatsRequest,
};
use crate::time::UtcMs;
use crate::voucher::{AddVouchersRequest, RevokeVouchersRequest};
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest, WaitingRulesRequest};

/// Any command to one event.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the requests they carry")]
pub enum Command {
    Hold(HoldRequest),
    Amend(AmendRequest),
    Extend(ExtendRequest),
    Release(ReleaseRequest),
    OpenOrder(OpenOrderRequest),
    ConfirmOrder(CloseOrderRequest),
    CancelOrder(CloseOrderRequest),
    ChangeSeats(SeatsRequest),
    BlockPlaces(PlacesRequest),
    ForceRelease(ForceReleaseRequest),
    ReleaseAllocation(AllocationIndex),
    SaleState(SaleStateRequest),
    ChangeManifest(Box<ManifestRequest>),
    Expire(HoldNumber),
    Beside(Box<BesideCommand>),
}

/// A command about vouchers or the waiting list.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the requests they carry")]
pub enum BesideCommand {
    AddVouchers(AddVouchersRequest),
    RevokeVouchers(RevokeVouchersRequest),
    WaitingRules(WaitingRulesRequest),
    Join(JoinWaitingRequest),
    Leave(LeaveWaitingRequest),
}

impl Model {
    /// Carries out any command.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn run(&mut self, command: &Command, at: UtcMs) -> Answered {
        match command {
            Command::Hold(request) => self.hold(request, at),
            Command::Amend(request) => self.amend(request, at),
            Command::Extend(request) => self.extend(request, at),
            Command::Release(request) => self.release(request, at),
            Command::OpenOrder(request) => self.open_order(request, at),
            Command::ConfirmOrder(request) => self.confirm_order(request, at),
            Command::CancelOrder(request) => self.cancel_order(request, at),
            Command::ChangeSeats(request) => self.change_seats(request, at),
            Command::BlockPlaces(request) => self.block_places(request, at),
            Command::ForceRelease(request) => self.force_release(request, at),
            Command::ReleaseAllocation(allocation) => self.release_allocation(self.event, *allocation, at),
            Command::SaleState(request) => self.set_sale_state(*request, at),
            Command::ChangeManifest(request) => self.change_manifest(request, at),
            Command::Beside(command) => match &**command {
                BesideCommand::AddVouchers(request) => self.add_vouchers(request, at),
                BesideCommand::RevokeVouchers(request) => self.revoke_vouchers(request, at),
                BesideCommand::WaitingRules(request) => self.set_waiting_rules(*request, at),
                BesideCommand::Join(request) => self.join_waiting(request, at, true),
                BesideCommand::Leave(request) => self.leave_waiting(request, at),
            },
            Command::Expire(hold) => {
                let logged = self.expire(*hold, at);
                Ok(logged.map_or(ModelAnswer::NotHeld, |(stamp, fact)| ModelAnswer::Logged(stamp, fact)))
            }
        }
    }
}
