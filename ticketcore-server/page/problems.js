// What went wrong, in words, by the problem's `code`.

import { between, plural, span } from './format.js';

const PLAIN = {
  offline: 'There is no answer from the box office. Check your connection and try again: nothing is done twice.',
  malformed: 'The request could not be read. Reload the page and try again.',
  validation_failed: 'Something in the form is not right.',
  idempotency_key_missing: 'The request was incomplete. Reload the page and try again.',
  idempotency_key_mismatch: 'The request contradicts itself. Reload the page and try again.',
  idempotency_key_reused: 'This was already sent with other contents. Reload the page and try again.',
  unauthorized: 'Your session is over. Reload the page to start a new one.',
  forbidden: 'You may not do this.',
  denied: 'The box office does not serve this network.',
  challenge_required: 'The box office wants to see that you are a person. Try again.',
  no_waiting_room: 'This event has no waiting room.',
  room_phase: 'The waiting room does not allow that now.',
  room_full: 'The waiting room is full.',
  not_in_room: 'You are not in the waiting room any more. Join again.',
  place_lost: 'It was your turn and you were not there. Join again, at the end.',
  room_token: 'Your place belongs to another person or device. Join again.',
  account_required: 'The waiting room takes people with an account only.',
  invitation_required: 'The waiting room takes people who were invited only.',
  admission_required: 'It is not your turn yet.',
  admission_expired: 'Your time inside is over. Join the waiting room again.',
  admission_tickets: 'You may not take so many tickets.',
  rate_limited: 'That was a lot at once. Try again in a moment.',
  not_found: 'This is not here, or it is not yours.',
  method_not_allowed: 'The box office does not offer this.',
  not_acceptable: 'The box office can not answer in this form.',
  request_timeout: 'The request took too long to arrive. Try again.',
  changes_gone: 'The map was out of date and is being read again.',
  precondition_failed: 'This changed in the meantime. Look again, then try once more.',
  payload_too_large: 'That is more than one request may ask for.',
  uri_too_long: 'That is more than one request may ask for.',
  unsupported_media_type: 'The request could not be read. Reload the page and try again.',
  internal: 'Something is broken at the box office. Your seats are as safe as before.',
  overloaded: 'The box office is very busy. Try again in a moment.',
  unavailable: 'The box office is closed for a moment. Try again shortly.',
  outcome_unknown: 'We do not know yet whether it was done. Press the same button again: it is not done twice.',
  webhook_signature: 'The message is not signed as it should be.',
  nothing_requested: 'Choose at least one seat or place.',
  duplicate_seat: 'One seat was chosen twice.',
  unknown_event: 'There is no such event, or it is not announced yet.',
  unknown_hold: 'This hold is over. Your seats went back on sale.',
  unknown_order: 'There is no such order in this session.',
  unknown_payment: 'The order has no such payment.',
  unknown_refund: 'The order has no such refund.',
  unknown_ticket: 'There is no such ticket in this session.',
  ticket_not_valid: 'The ticket is not valid any more.',
  not_admitted: 'The ticket does not open the door.',
  ticket_code_not_valid: 'The code is not one of a ticket that opens this door.',
  refund_too_large: 'That is more than can be refunded.',
  not_paid: 'Nothing was paid that could be refunded.',
  price_differs: 'The new places have another price.',
  sale_transition: 'The sale can not change like that.',
  hold_expired: 'Time is up: your seats went back on sale.',
  hold_pinned: 'These seats already belong to an order. Finish or cancel it first.',
  stale_hold: 'Your hold changed in another tab. It was read again.',
  no_extension_left: 'The hold can not be extended any more.',
  manifest: 'The definition of the event is not valid.',
  in_use: 'Some of it is held or sold.',
  batch_differs: 'The batch of vouchers has other terms.',
  duplicate_code: 'This voucher code exists already.',
  unknown_batch: 'There is no such batch of vouchers.',
  unknown_code: 'Nobody has given out this code.',
  voucher_revoked: 'The voucher was withdrawn.',
  voucher_closed: 'The voucher is not good at this time.',
  voucher_used_up: 'The voucher is used up.',
  not_in_hold: 'This is not in your hold any more.',
  hold_would_be_empty: 'That would leave nothing. Release the hold instead.',
  unknown_section: 'There is no such section.',
  unknown_category: 'There is no such category.',
  unknown_area: 'There is no such area.',
  unknown_allocation: 'There is no such allocation.',
  unknown_ticket_type: 'There is no such kind of ticket.',
  not_sold: 'This kind of ticket is not sold there.',
  allocation_released: 'What was set aside is on public sale now.',
  seat_mismatch: 'The seats are not as expected.',
  places_mismatch: 'The places are not as expected.',
  not_sold_out: 'There are places: choose them instead of waiting.',
};

const DECLINES = {
  card_declined: 'The card was declined.',
  insufficient_funds: 'There is not enough money on the card.',
  expired_card: 'The card has expired.',
  authentication_failed: 'The bank could not confirm that it was you.',
};

const UNAVAILABLE = { held: 'held by somebody', sold: 'sold', blocked: 'not for sale' };

/** Why a payment failed. */
export const declined = (code) => DECLINES[code] ?? 'The payment was declined.';

const named = (ids, seatName) => (ids ?? []).slice(0, 6).map(seatName).join('; ') + ((ids ?? []).length > 6 ? '; …' : '');

/** Messages that tell the next useful fact. */
const TOLD = {
  validation_failed: (p) => (p.errors?.length ? `Something is not right: ${p.errors.map((e) => e.detail).join('; ')}.` : PLAIN.validation_failed),
  limit_exceeded: (p) => (p.limit ? `Too many at once: ${p.limit.max} at most.` : 'That is more than is allowed at once.'),
  payment_declined: (p) => `${declined(p.order?.payments?.at(-1)?.code ?? p.declineCode)} ${
    p.payUntil ? 'Your seats are still yours: try another way to pay.' : 'Your seats went back on sale.'}`,
  sale_state: (p) => ({
    scheduled: 'The sale has not started yet.',
    presale: 'This is a presale: only what is set aside for you can be bought.',
    paused: 'The sale is paused. What you hold can still be bought.',
    closed: 'The sale is over.',
    cancelled: 'The event is cancelled.',
  })[p.saleState] ?? 'The sale does not allow this now.',
  order_state: (p) => `The order is ${String(p.orderStatus ?? 'in another state').replace('_', ' ')}: that can not be done now.`,
  unknown_seats: (p, seat) => `There are no such seats: ${named(p.seatIds, seat)}.`,
  allocation_locked: (p, seat) => `Set aside for others: ${named(p.seatIds, seat)}.`,
  orphan_seat: (p, seat) => `That would leave a single seat between others: ${named(p.seatIds, seat)}. Move by one.`,
  user_limit: (p) => `${plural(p.max, 'ticket')} a buyer at most. You have ${p.used} and asked for ${p.asked} more.`,
  identity_limit: (p) => `${plural(p.max, 'ticket')} a person at most, over all sessions.`,
  area_exhausted: (p) => (p.left > 0 ? `Only ${plural(p.left, 'place')} left in ${p.areaId}.` : `${p.areaId ?? 'The area'} is sold out.`),
  best_available_miss: (p) => (p.largestAdjacent > 0
    ? `No ${p.asked} seats side by side are left like that. The most together are ${p.largestAdjacent}.`
    : 'No seats like that are left.'),
  quota_exhausted: (p) => (p.left > 0 ? `Only ${plural(p.left, 'ticket')} of this kind left.` : 'No tickets of this kind are left.'),
};

/** The message for an error of `api.js`. `seatName` turns a seat's id into words. */
export function words(error, seatName = (id) => id) {
  const problem = error.problem;
  if (!problem) return 'Something went wrong on this page. Reload it.';
  const told = TOLD[problem.code];
  if (told) return told(problem, seatName);
  return PLAIN[problem.code] ?? problem.detail ?? problem.title ?? 'It did not work.';
}

/** Which seats a refused hold could not have, and until when: sentences, or none. */
export function conflicts(error, seatName = (id) => id) {
  const problem = error.problem;
  if (problem?.code !== 'seats_unavailable') return [];
  return (problem.conflicts ?? []).map(({ seatId, state, freeAtLatest }) => {
    const until = freeAtLatest && problem.serverTime ? between(problem.serverTime, freeAtLatest) : 0;
    return `${seatName(seatId)}: ${UNAVAILABLE[state] ?? state}${until > 0 ? `, perhaps free again within ${span(until)}` : ''}`;
  });
}

TOLD.seats_unavailable = (p) => {
  const taken = p.conflicts?.length ?? 0;
  return taken ? `Somebody was faster: ${plural(taken, 'seat')} you chose ${taken === 1 ? 'is' : 'are'} taken. Nothing was held.` : 'Somebody was faster: the seats are taken.';
};

/** Every code that has a message. */
export const CODES = [...new Set([...Object.keys(PLAIN), ...Object.keys(TOLD)])];
