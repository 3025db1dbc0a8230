"""The waiting room of an event of its own: from the invitation to the draw that anybody can check, and to an admission."""

import json
import os
import time


def waiting_room(server, staff, venue, into):
    """Walks through the room; leaves in a folder what `verify-draw` reads. Returns what hooks put into requests."""
    asked = {"venueId": venue, "name": "Macbeth", "startsAt": "2040-06-01T18:00:00Z"}
    event = server.call("add_event", 201, staff, asked).json["id"]
    server.call("set_sale_state", 200, staff, {"state": "scheduled"}, eventId=event)
    here = {"eventId": event}
    server.call("get_waiting_room", 404, **here)
    config = {"entry": "account", "entropySource": "a block to come"}
    server.call("set_up_waiting_room", 200, staff, config, **here)
    server.call("set_up_waiting_room", 400, staff, {"entry": "anybody"}, **here)
    server.call("invite", 201, staff, {"count": 2, "ttlSeconds": 60}, **here)
    server.call("move_waiting_room", 200, staff, {"phase": "prequeue"}, **here)
    shop = server.call("make_key", 201, staff, {"name": "shop", "scopes": ["sell"]}).json["key"]
    people = [{"Acting-User": f"user-{number}"} for number in range(9)]
    places = [server.call("join_waiting_room", 201, shop, here, headers=person).json for person in people]
    again = server.call("join_waiting_room", 200, shop, here, headers=people[3]).json
    assert again["number"] == places[3]["number"], again
    before = server.call("move_waiting_room", 200, staff, {"phase": "drawing"}, **here).json
    server.call("get_draw", 409, **here)
    server.call("draw_lottery", 200, staff, {"entropy": "000000000000abcd"}, **here)
    draw = server.call("get_draw", 200, **here).json
    mine = {"positionToken": places[3]["positionToken"]}
    proof = server.call("prove_entry", 200, shop, mine, headers=people[3]).json
    server.call("prove_entry", 403, shop, mine, headers=people[4])
    server.call("admit", 202, shop, mine, headers=people[3])
    status = server.call("get_waiting_room", 200, **here)
    assert status.headers["Cache-Control"] == "public, max-age=1", status.headers
    server.call("stream_waiting_room", 200, until=b"event: status", **here)
    server.call("set_sale_state", 200, staff, {"state": "onsale"}, eventId=event)
    admitted = come_in(server, shop, mine, people[3])
    best = {"eventId": event, "items": [{"bestAvailable": {"quantity": 1}}]}
    server.call("place_hold", 403, shop, best, headers=people[3])
    passing = {**people[3], "Admission-Token": admitted["admissionToken"]}
    server.call("place_hold", 201, shop, best, headers=passing)
    server.call("leave_waiting_room", 204, shop, mine, headers=people[3])
    server.call("place_hold", 403, shop, best, headers=passing)
    for name, value in (("draw", draw), ("status", before), ("proof", proof)):
        with open(os.path.join(into, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(value, file)
    with open(os.path.join(into, "token"), "w", encoding="utf-8") as file:
        file.write(admitted["admissionToken"])
    return {"eventId": event, "positionToken": places[4]["positionToken"]}


def come_in(server, shop, mine, person):
    """Asks until it is so; people are called once a second."""
    until = time.monotonic() + 20
    while True:
        try:
            return server.call("admit", 200, shop, mine, headers=person).json
        except AssertionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
