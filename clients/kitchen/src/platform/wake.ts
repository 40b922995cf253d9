export type WakeState = "on" | "off" | "unsupported";

/** Keeps the panel lit while a shift runs. The system takes the lock away when the window hides; ask again then. */
export function keepAwake(tell: (state: WakeState) => void): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const ask = async () => {
    if (over || document.visibilityState !== "visible" || (lock && !lock.released)) return;
    if (!("wakeLock" in navigator)) return tell("unsupported");
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => tell("off"));
      tell("on");
    } catch {
      tell("off");
    }
  };
  const onVisible = () => void ask();
  document.addEventListener("visibilitychange", onVisible);
  void ask();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", onVisible);
    void lock?.release();
  };
}
