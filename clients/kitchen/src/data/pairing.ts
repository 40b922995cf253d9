import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { delayMs, sleep } from "@muster/sdk/backoff";
import { refusal } from "@muster/sdk/errors";
import type { Tokens } from "@muster/sdk/session";
import { type Device, DeviceKind, PairingState } from "#gen/muster/auth/v1/device_pb";
import { DeviceService } from "#gen/muster/auth/v1/device_service_pb";
import type { DeviceRecord } from "./db.ts";
import { tokensOf } from "./rpc.ts";

type Devices = Client<typeof DeviceService>;

export type PairingStatus =
  | { state: "asking" }
  | { state: "code"; code: string; expiresAt: number | undefined }
  | { state: "denied" }
  | { state: "offline"; reason: string }
  | { state: "paired"; device: DeviceRecord; tokens: Tokens };

/** Shows codes until one is approved. A code that ran out is replaced by itself; a refusal waits for somebody. */
export async function pair(
  transport: Transport,
  label: string,
  tell: (status: PairingStatus) => void,
  signal: AbortSignal,
): Promise<void> {
  const devices = createClient(DeviceService, transport);
  let failures = 0;
  while (!signal.aborted) {
    try {
      tell({ state: "asking" });
      const started = await devices.startPairing({ deviceLabel: label, kind: DeviceKind.KITCHEN_SCREEN }, { signal });
      failures = 0;
      const expiresAt = started.expireTime ? timestampMs(started.expireTime) : undefined;
      tell({ state: "code", code: started.code, expiresAt });
      const every = Math.max(1_000, started.pollInterval ? durationMs(started.pollInterval) : 2_000);
      const outcome = await poll(devices, started.pairingSecret, every, signal);
      if (!outcome) continue;
      tell(outcome);
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const { message, retryAfterMs } = refusal(thrown);
      tell({ state: "offline", reason: message });
      await sleep(retryAfterMs ?? delayMs(failures, { baseMs: 1_000, capMs: 3_000 }), signal);
      failures += 1;
    }
  }
}

/** The end of one code; nothing when it ran out. */
async function poll(
  devices: Devices,
  pairingSecret: string,
  everyMs: number,
  signal: AbortSignal,
): Promise<PairingStatus | undefined> {
  let wait = everyMs;
  for (;;) {
    await sleep(wait, signal);
    if (signal.aborted) return undefined;
    wait = everyMs;
    try {
      const { state, device, tokens } = await devices.pollPairing({ pairingSecret }, { signal });
      if (state === PairingState.APPROVED && device && tokens) {
        return { state: "paired", device: record(device), tokens: tokensOf(tokens) };
      }
      if (state === PairingState.DENIED) return { state: "denied" };
      if (state === PairingState.EXPIRED) return undefined;
    } catch (thrown) {
      const { reason, retryAfterMs } = refusal(thrown);
      if (reason === "PAIRING_ALREADY_USED") return undefined;
      // A lost answer costs one round: the approval can be collected again for a while.
      wait = retryAfterMs ?? everyMs;
    }
  }
}

function record(device: Device): DeviceRecord {
  return {
    deviceId: device.deviceId,
    name: device.displayName,
    locationId: device.locationId,
    stationIds: [...device.stationIds],
  };
}
