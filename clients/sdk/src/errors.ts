import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

/** An answer of the server that is not the one hoped for. */
export interface Refusal {
  code: Code;
  /** Stable, for programs: `ALLERGY_NOT_ACKNOWLEDGED`. Empty when the failure is not the server's word. */
  reason: string;
  /** For people. */
  message: string;
  retryAfterMs?: number;
}

export function refusal(thrown: unknown): Refusal {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const told: Refusal = { code: error.code, reason: info?.reason ?? "", message: error.rawMessage };
  if (retry?.retryDelay) told.retryAfterMs = durationMs(retry.retryDelay);
  return told;
}

/** True when the same request may succeed later without anybody doing anything. */
export function passes(code: Code): boolean {
  return (
    code === Code.Unavailable ||
    code === Code.DeadlineExceeded ||
    code === Code.ResourceExhausted ||
    code === Code.Aborted ||
    code === Code.Canceled
  );
}

/** True when the request never got an answer: the browser's fetch failed, so nobody knows what the server did. */
export function unheard(thrown: unknown): boolean {
  const error = ConnectError.from(thrown);
  return error.code === Code.Unknown && error.cause instanceof TypeError;
}
