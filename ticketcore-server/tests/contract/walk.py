"""Has every operation of the document succeed once, in an order in which each can, and refuse here and there.

Reads BASE, STAFF and BUYER from the environment, STRIPE_BASE and STRIPE_SECRET of a server that Stripe reports to, EXTERNAL_BASE,
EXTERNAL_STAFF and EXTERNAL_BUYER of one whose vendor takes the money himself, and GUARDED_BASE and GUARDED_STAFF of one that suspects
everybody.
Writes to the file that is named what `hooks.py` puts into generated requests, and beside it what `verify-draw` reads. Fails if an operation never succeeded, or an answer is not as
the document says.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections import Counter

from client import Server
from crowd import waiting_room

CUSTOMER = {"email": "ann@example.org", "name": "Ann", "locale": "en"}


class Walk:
    def __init__(self, server, staff, buyer):
        self.server, self.staff, self.buyer = server, staff, buyer
        self.event = self.venue = self.friend = None
        self.seats = []

    def call(self, name, expected, *given, **more):
        return self.server.call(name, expected, *given, **more)

    def take(self, count=1):
        """Seats that nobody has taken yet, side by side."""
        taken, self.seats = self.seats[:count], self.seats[count:]
        return taken

    def hold(self, count=1):
        asked = {"eventId": self.event, "seatIds": self.take(count)}
        return self.call("place_hold", 201, self.buyer, asked).json

    def order(self, expected, method, count=1):
        asked = {"holdId": self.hold(count)["holdId"], "paymentMethodId": method, "customer": CUSTOMER}
        return self.call("place_order", expected, self.buyer, asked).json

    def browse(self):
        self.venue = self.call("list_venues", 200).json["items"][0]["id"]
        self.call("get_venue", 200, venueId=self.venue)
        self.event = self.call("list_events", 200, query={"venueId": self.venue, "limit": 5}).json["items"][0]["id"]
        event = {"eventId": self.event}
        self.call("get_event", 200, **event)
        self.call("get_event", 404, eventId="evt_0000000000001")
        section = self.call("list_sections", 200, **event).json["items"][0]["id"]
        self.call("get_seatmap", 200, **event)
        counts = self.call("get_availability", 200, **event)
        self.call("get_availability", 304, headers={"If-None-Match": counts.headers["ETag"]}, **event)
        self.call("get_availability", 200, query={"level": "seats", "section": section}, **event)
        whole = self.call("get_availability", 200, query={"level": "seats"}, **event).json
        self.seats = [seat for seat, state in whole["seats"] if state == "free"]
        octets = {"Accept": "application/octet-stream"}
        self.call("get_availability", 200, query={"level": "seats"}, headers=octets, **event)
        revision = counts.json["revision"]
        self.call("begin_session", 201, body={})
        self.hold()
        self.call("list_changes", 200, query={"since": revision}, **event)
        self.call("stream_changes", 200, query={"since": revision}, until=b"\ndata:", **event)
        self.call("stream_changes", 400, query={"since": "x"}, **event)

    def people(self):
        self.friend = self.call("begin_session", 201, body={}).json["token"]
        self.call("get_me", 200, self.friend)
        self.call("get_me", 401)
        self.call("get_me", 401, "ses_forged")
        self.call("get_me", 403, self.staff)

    def holds(self):
        hold = self.hold(2)
        held = {"holdId": hold["holdId"]}
        self.call("get_hold", 200, self.buyer, **held)
        self.call("get_hold", 404, self.friend, **held)
        taken = {"eventId": self.event, "seatIds": [line["seatId"] for line in hold["lines"]]}
        self.call("place_hold", 409, self.friend, taken)
        self.call("place_hold", 400, self.friend, {**taken, "colour": "red"})
        change = {"addItems": [{"seatIds": self.take()}]}
        version = {"If-Match": f'"{hold["version"]}"', "Idempotency-Key": "amend"}
        self.call("amend_hold", 200, self.buyer, change, headers=version, **held)
        version["Idempotency-Key"] = "amend again"
        self.call("amend_hold", 412, self.buyer, change, headers=version, **held)
        self.call("extend_hold", 200, self.buyer, {}, **held)
        self.call("release_hold", 204, self.buyer, **held)

    def orders(self):
        order = {"orderId": self.order(201, "pm_ok", 2)["orderId"]}
        self.call("get_order", 200, self.buyer, **order)
        self.call("get_order", 200, self.staff, **order)
        self.call("get_order", 404, self.friend, **order)
        self.call("list_my_orders", 200, self.buyer)
        declined = self.order(402, "pm_declined")["order"]
        again = {"paymentMethodId": "pm_ok"}
        self.call("pay_order", 201, self.buyer, again, orderId=declined["orderId"])
        declined = self.order(402, "pm_declined")["order"]
        self.call("cancel_order", 200, self.buyer, {}, orderId=declined["orderId"])
        waiting = self.order(202, "pm_requires_action")
        done = {"orderId": waiting["orderId"], "outcome": "succeed"}
        self.call("complete_sandbox_action", 200, self.buyer, done)
        self.call("get_challenge", 200, self.buyer)
        self.call("review_order", 409, self.staff, {"decision": "approve"}, **order)
        return order

    def tickets(self, order):
        tickets = self.call("list_tickets", 200, self.buyer, **order).json["items"]
        self.call("list_tickets", 401, **order)
        self.call("ticket_qr_svg", 200, self.buyer, ticket=0, **order)
        self.call("ticket_qr_png", 200, self.buyer, ticket=1, **order)
        self.call("list_ticket_keys", 200)
        scan = {"code": tickets[1]["code"], "nonce": "scan"}
        self.call("redeem_ticket", 200, self.staff, scan)
        self.call("redeem_ticket", 409, self.staff, {"code": tickets[1]["code"]})
        user = self.call("get_me", 200, self.friend).json["userId"]
        self.call("transfer_tickets", 200, self.buyer, {"tickets": [0], "toUserId": user}, **order)
        other = {"orderId": self.order(201, "pm_ok")["orderId"]}
        exchange = {"tickets": [0], "items": [{"seatIds": self.take()}]}
        self.call("exchange_tickets", 200, self.buyer, exchange, **other)
        refunded = {"orderId": self.order(201, "pm_ok")["orderId"]}
        self.call("refund_order", 403, self.buyer, {"full": True}, **refunded)
        self.call("refund_order", 201, self.staff, {"full": True}, **refunded)
        self.call("list_refunds", 200, self.buyer, **refunded)
        stuck = {"orderId": self.order(201, "pm_refund_stuck")["orderId"]}
        self.call("refund_order", 201, self.staff, {"full": True}, **stuck)
        self.call("retry_refund", 200, self.staff, {}, number=1, **stuck)
        self.call("retry_refund", 404, self.staff, {}, number=2, **stuck)
        self.call("list_findings", 200, self.staff)
        self.call("list_findings", 403, self.buyer)
        self.call("get_revocations", 200, self.staff, eventId=self.event)
        return scan["code"]

    def run_a_house(self):
        """A second event, paused: nobody minds what becomes of it."""
        venue = self.call("add_venue", 201, self.staff, {"name": "Hall"}).json["id"]
        plan = self.call("get_plan", 200, self.staff, venueId=self.venue).body
        self.call("get_plan", 404, self.staff, venueId=venue)
        self.call("import_plan", 200, self.staff, plan, venueId=venue)
        self.call("import_plan", 400, self.staff, {}, venueId=venue)
        asked = {"venueId": venue, "name": "Lear", "startsAt": "2040-05-01T18:00:00Z", "zone": "Europe/Berlin"}
        event = self.call("add_event", 201, self.staff, asked).json["id"]
        for state in ("onsale", "paused"):
            self.call("set_sale_state", 200, self.staff, {"state": state}, eventId=event)
        self.call("set_sale_state", 409, self.staff, {"state": "draft"}, eventId=event)
        self.call("list_orders", 200, self.staff, eventId=event)
        entry = self.call("join_waiting_list", 201, self.buyer, {"places": 2}, eventId=event).json["entry"]
        self.call("get_waiting_list", 200, self.buyer, eventId=event)
        self.call("leave_waiting_list", 204, self.buyer, eventId=event, entry=entry)
        return {"venueId": venue, "eventId": event, "entry": entry}

    def keys(self):
        """Makes, turns and ends a key; gives another."""
        asked = {"name": "door", "scopes": ["checkin"], "eventIds": [self.event]}
        key = self.call("make_key", 201, self.staff, asked).json
        self.call("list_keys", 200, self.staff)
        self.call("rotate_key", 200, self.staff, {"overlapSeconds": 0}, keyId=key["id"])
        self.call("revoke_key", 204, self.staff, keyId=key["id"])
        self.call("revoke_key", 404, self.staff, keyId=key["id"])
        return self.call("make_key", 201, self.staff, asked).json["id"]


def vendor(server, staff, buyer):
    """What is due of a purchase, and what became of it."""
    walk = Walk(server, staff, buyer)
    walk.event = server.call("list_events", 200, query={"limit": 5}).json["items"][0]["id"]
    whole = server.call("get_availability", 200, query={"level": "seats"}, eventId=walk.event).json
    walk.seats = [seat for seat, state in whole["seats"] if state == "free"]
    order = walk.order(202, "card")
    due = server.call("take_next_effects", 200, staff, {"limit": 5}).json["items"]
    server.call("take_next_effects", 403, buyer, {})
    said = {"key": due[0]["key"], "outcome": "captured", "reference": "ch_1", "amount": due[0]["amount"]}
    server.call("observe_effect", 400, staff, {**said, "code": "x"})
    server.call("observe_effect", 404, staff, {**said, "key": order["orderId"] + ":pay:7"})
    told = server.call("observe_effect", 200, staff, said).json
    assert told["status"] == "confirmed", told
    disputed = {"key": due[0]["key"], "reference": "dp_1", "status": "open"}
    told = server.call("report_dispute", 200, staff, {**disputed, "amount": {**due[0]["amount"], "amount": 1}}).json
    assert told["dispute"]["status"] == "open", told
    server.call("report_dispute", 400, staff, {**disputed, "status": "x"})
    server.call("report_dispute", 200, staff, {**disputed, "status": "won"})


def webhook(server, secret):
    """What Stripe reports, signed as Stripe signs."""
    event = {"id": "evt_1", "object": "event", "type": "customer.created", "created": int(time.time()), "data": {"object": {}}}
    body, now = json.dumps(event).encode(), int(time.time())
    signature = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    for signed, expected in ((signature, 204), ("00", 400)):
        server.call("receive_stripe_webhook", expected, body=body, headers={"Stripe-Signature": f"t={now},v1={signed}"})


def solution(challenge):
    """Tries until the derived key begins as it must."""
    work = challenge["parameters"]
    nonce, salt = bytes.fromhex(work["nonce"]), bytes.fromhex(work["salt"])
    for counter in range(1 << 20):
        password = nonce + counter.to_bytes(4, "big")
        key = hashlib.pbkdf2_hmac("sha256", password, salt, work["cost"], work["keyLength"]).hex()
        if key.startswith(work["keyPrefix"]):
            solved = {"challenge": challenge, "solution": {"counter": counter, "derivedKey": key}}
            return base64.b64encode(json.dumps(solved).encode()).decode()
    raise AssertionError("no solution")


def suspected(server, staff):
    """A server where whoever has placed a hold is suspected: an order takes a challenge, and staff looks at it."""
    buyer = server.call("begin_session", 201, body={}).json["token"]
    event = server.call("list_events", 200).json["items"][0]["id"]
    hold = server.call("place_hold", 201, buyer, {"eventId": event, "items": [{"bestAvailable": {"quantity": 1}}]}).json
    asked = {"holdId": hold["holdId"], "paymentMethodId": "pm_ok"}
    server.call("place_order", 403, buyer, asked)
    bearing = {"Challenge-Solution": solution(server.call("get_challenge", 200, buyer).json)}
    order = server.call("place_order", 202, buyer, asked, headers=bearing).json
    server.call("review_order", 200, staff, {"decision": "approve"}, orderId=order["orderId"])


def main(into):
    given = os.environ
    names = ("BASE", "STRIPE_BASE", "EXTERNAL_BASE", "GUARDED_BASE")
    servers = server, stripe, external, guarded = [Server(given[name]) for name in names]
    walk = Walk(server, given["STAFF"], given["BUYER"])
    walk.browse()
    walk.people()
    walk.holds()
    order = walk.orders()
    code = walk.tickets(order)
    spare = walk.run_a_house()
    key = walk.keys()
    room = waiting_room(server, given["STAFF"], walk.venue, os.path.dirname(into))
    webhook(stripe, given["STRIPE_SECRET"])
    vendor(external, given["EXTERNAL_STAFF"], given["EXTERNAL_BUYER"])
    suspected(guarded, given["GUARDED_STAFF"])
    hold = walk.hold()
    known = {"eventId": walk.event, "venueId": walk.venue, "holdId": hold["holdId"], "keyId": key, "ticket": 1, **order}
    with open(into, "w", encoding="utf-8") as file:
        json.dump({"known": known, "spare": spare, "room": room, "code": code, "seatIds": walk.take(50)}, file)
    good, all_of_them = sum((each.good for each in servers), Counter()), set(server.document.operations)
    never = sorted(all_of_them - set(good))
    if never:
        sys.exit(f"walk: never with success: {', '.join(never)}")
    print(f"walk: {len(good)} of {len(all_of_them)} operations succeeded, {sum(each.checked for each in servers)} answers as documented")


if __name__ == "__main__":
    main(sys.argv[1])
