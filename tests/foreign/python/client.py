"""A waiter and a cook in Python: grpcio, and the contract out of reflection. No generated code."""

import os
import queue
import threading
import uuid

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

LOCATION = os.environ["MUSTER_LOCATION"]


class Muster:
    """Calls methods by name, with dicts."""

    def __init__(self, address, options=None):
        self.channel = grpc.insecure_channel(address, options=options)
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def call(self, name, request, token=None, key=None, **options):
        service, method = name.rsplit("/", 1)
        method = self.pool.FindServiceByName(service).FindMethodByName(method)
        request_type = message_factory.GetMessageClass(method.input_type)
        response_type = message_factory.GetMessageClass(method.output_type)
        stub = (self.channel.unary_stream if method.server_streaming else self.channel.unary_unary)(
            f"/{name}", request_type.SerializeToString, response_type.FromString
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []
        metadata += [("idempotency-key", key)] if key else []
        return stub(json_format.ParseDict(request, request_type()), metadata=metadata, **options)


def refused(code, reason, call, fields=()):
    """Checks that a call is refused so, with details."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        found, violations = None, []
        for detail in rpc_status.from_call(error).details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                found = error_details_pb2.ErrorInfo.FromString(detail.value)
            if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                violations = error_details_pb2.BadRequest.FromString(detail.value).field_violations
        assert (found.domain, found.reason) == ("muster.app", reason), found
        assert {violation.field for violation in violations} >= set(fields), violations
        print("ok:", code.name, reason, *[f"[{v.field}: {v.description}]" for v in violations])
    else:
        raise AssertionError(f"{reason} was expected")


def main():
    # An idle connection is asked every second whether it is there.
    alive = [("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 2000), ("grpc.http2.max_pings_without_data", 0)]
    muster = Muster(os.environ["MUSTER_ADDRESS"], alive)

    def sign_in(login):
        request = {"tenant_slug": "juniper", "login": login, "password": os.environ["MUSTER_PASSWORD"]}
        return muster.call("muster.auth.v1.SessionService/SignIn", request).tokens.access_token

    waiter, cook = sign_in("sam"), sign_in("kenji")
    print("ok: signed in")

    order = {"location_id": LOCATION, "dining_option": "DINING_OPTION_DINE_IN", "table": "7"}
    order["items"] = [{"menu_item_id": os.environ["MUSTER_BURGER"], "quantity": 2}]

    def place(key, order=order, **options):
        return muster.call("muster.orders.v1.OrderService/PlaceOrder", order, waiter, key, **options).order

    key = str(uuid.uuid4())
    first = place(key)
    assert place(key) == first, "the same key, the same answer"
    assert place(str(uuid.uuid4())).id != first.id
    print("ok: placed once")

    messages = queue.Queue()
    stream = muster.call("muster.orders.v1.KitchenService/WatchKitchen", {"location_id": LOCATION}, cook)

    def read():
        try:
            for message in stream:
                messages.put(message)
        except grpc.RpcError as end:
            messages.put(end)

    threading.Thread(target=read, daemon=True).start()

    def until(kind):
        while True:
            message = messages.get(timeout=10)
            assert not isinstance(message, grpc.RpcError), message
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    assert first.id in {ticket.order_id for ticket in until("snapshot").tickets}
    second = place(str(uuid.uuid4()))
    change = until("change")
    assert (change.number, change.order_id) == (1, second.id), change
    until("heartbeat")
    until("heartbeat")
    stream.cancel()
    assert messages.get(timeout=10).code() == grpc.StatusCode.CANCELLED
    print("ok: snapshot, change, heartbeats, ended by us")

    code = grpc.StatusCode
    refused(code.INVALID_ARGUMENT, "INVALID_FIELDS", lambda: place("wrong", {"location_id": "x"}),
            ["location_id", "dining_option", "items"])
    refused(code.INVALID_ARGUMENT, "IDEMPOTENCY_MISMATCH", lambda: place(key, {**order, "table": "8"}), ["idempotency-key"])
    missing = {"order_id": str(uuid.uuid4())}
    get = "muster.orders.v1.OrderService/GetOrder"
    refused(code.NOT_FOUND, "ORDER_NOT_FOUND", lambda: muster.call(get, missing, waiter))
    refused(code.UNAUTHENTICATED, "UNAUTHENTICATED", lambda: muster.call(get, missing))
    zipped = lambda: place(str(uuid.uuid4()), {**order, "notes": "a" * 300}, compression=grpc.Compression.Gzip)
    refused(code.UNIMPLEMENTED, "UNSUPPORTED_ENCODING", zipped)
    print("done")


main()
