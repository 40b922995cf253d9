import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import type { Session } from "./session.ts";

/** Every call that may change something carries a key, so that asking twice does it once. */
export const withIdempotencyKey: Interceptor = (next) => (request) => {
  const mutates = request.method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  if (mutates && !request.stream && !request.header.has("idempotency-key")) {
    request.header.set("idempotency-key", crypto.randomUUID());
  }
  return next(request);
};

/** Signs calls. A unary call that is refused for an old token is repeated once; a stream is reopened by its owner. */
export function withSession(session: Session): Interceptor {
  return (next) => async (request) => {
    const token = await session.access();
    request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (thrown) {
      if (request.stream || ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
      const renewed = await session.renew(token);
      request.header.set("authorization", `Bearer ${renewed.access}`);
      return await next(request);
    }
  };
}

/** Binary gRPC-Web to the origin that served the page. */
export function webTransport(interceptors: Interceptor[], baseUrl = location.origin): Transport {
  return createGrpcWebTransport({ baseUrl, interceptors, useBinaryFormat: true, defaultTimeoutMs: 10_000 });
}
