//! Vouchers at the box office.

use super::commands::{Checked, check_code};
use super::{BoxOffice, Pending};
use crate::answer::{CommandError, Done};
use crate::command::Command;
use crate::id::EventId;
use crate::limits::{VOUCHERS_PER_COMMAND_MAX, within};
use crate::refusal::Refusal;
use crate::voucher::{AddVouchersRequest, RevokeVouchersRequest, RevokeWhat, VoucherInfo};

impl BoxOffice {
    /// Adds vouchers to an event, at most [`VOUCHERS_PER_COMMAND_MAX`] at once, all or none.
    pub fn add_vouchers(&self, request: AddVouchersRequest) -> Pending<Done> {
        self.send(check_add(request))
    }

    /// Revokes vouchers. What holds and orders have of them stays. Nothing to revoke is a success without a revision.
    pub fn revoke_vouchers(&self, request: RevokeVouchersRequest) -> Pending<Done> {
        self.send(check_revoke(request))
    }

    /// What is known of the voucher with a code, for staff. Waits until what it saw is durable. O(1).
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or the store failed meanwhile.
    pub fn find_voucher(&self, event: EventId, code: &str) -> Result<Option<VoucherInfo>, CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| core.find_voucher(code))
    }
}

fn check_add(request: AddVouchersRequest) -> Checked {
    check_count(&request.codes)?;
    request.terms.check().map_err(Refusal::Limit)?;
    Ok((request.event, Command::AddVouchers(Box::new(request))))
}

fn check_revoke(request: RevokeVouchersRequest) -> Checked {
    if let RevokeWhat::Codes(codes) = &request.which {
        check_count(codes)?;
    }
    Ok((request.event, Command::RevokeVouchers(Box::new(request))))
}

fn check_count(codes: &[String]) -> Result<(), Refusal> {
    let count = codes.len() as u64;
    within("codes", count, 1, VOUCHERS_PER_COMMAND_MAX as u64).map_err(Refusal::Limit)?;
    codes.iter().try_for_each(|code| check_code("codes", Some(code)))
}
