import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { AppContext, type AppValue, ShiftContext } from "./context.tsx";
import type { DeviceRecord } from "./data/db.ts";
import { openPlatform, type Platform, pairedDevice, unpair } from "./data/platform.ts";
import { loadSettings, type Settings, saveSettings, screenName } from "./data/settings.ts";
import { runShift, type ShiftRun } from "./data/shift.ts";
import { watchUpdates } from "./platform/updates.ts";
import { keepAwake } from "./platform/wake.ts";
import { Board } from "./screens/board.tsx";
import { SoundEngine } from "./sound/engine.ts";

const Pair = lazy(() => import("./screens/pair.tsx"));
const StartShift = lazy(() => import("./screens/start-shift.tsx"));
const Guests = lazy(() => import("./screens/guests.tsx"));

const screen = screenName(location.search);

/** Pair, then start a shift, then tickets. A reload goes straight back to where it was. */
export function App() {
  const [platform, setPlatform] = useState<Platform>();
  const [device, setDevice] = useState<DeviceRecord>();
  const [broken, setBroken] = useState<string>();
  const [settings, setSettings] = useState<Settings>(() => loadSettings(screen));
  const [update, setUpdate] = useState<() => void>();
  const sound = useRef<SoundEngine>(undefined);
  sound.current ??= new SoundEngine();
  sound.current.volume = settings.volume;
  sound.current.muted = settings.muted;

  useEffect(() => {
    let gone = false;
    openPlatform({ onEnded: () => setDevice(undefined) })
      .then(async (opened) => {
        const known = (await opened.session.restore()) ? await pairedDevice(opened.db) : undefined;
        if (gone) return;
        setDevice(known);
        setPlatform(opened);
      })
      .catch((thrown: unknown) => setBroken(String(thrown)));
    watchUpdates((apply) => setUpdate(() => apply));
    void navigator.storage?.persist?.();
    return () => {
      gone = true;
    };
  }, []);

  const change = useCallback((changes: Partial<Settings>) => {
    setSettings((before) => {
      const next = { ...before, ...changes };
      saveSettings(screen, next);
      return next;
    });
  }, []);

  const value = useMemo<AppValue | undefined>(
    () =>
      platform && sound.current ? { platform, device, settings, change, sound: sound.current, update } : undefined,
    [platform, device, settings, change, update],
  );

  if (broken) {
    return (
      <main className="setup">
        <h1>This browser keeps nothing</h1>
        <p>The kitchen display needs storage for tickets and bumps. Leave private mode and open it again.</p>
        <p className="small">{broken}</p>
      </main>
    );
  }
  if (!value) return <main className="setup" aria-busy="true" />;
  return (
    <AppContext value={value}>
      <Suspense fallback={<main className="setup" aria-busy="true" />}>
        {!device && (
          <Pair
            paired={(paired) => {
              change({ shift: undefined });
              setDevice(paired);
            }}
          />
        )}
        {device && !settings.shift && (
          <StartShift forget={() => void unpair(value.platform).then(() => setDevice(undefined))} />
        )}
        {device && settings.shift && <RunningShift device={device} app={value} />}
      </Suspense>
    </AppContext>
  );
}

function RunningShift({ device, app }: { device: DeviceRecord; app: AppValue }) {
  const { platform, settings, sound } = app;
  const { shift } = settings;
  const [run, setRun] = useState<ShiftRun>();

  useEffect(() => {
    if (!shift) return;
    let ended = false;
    let started: ShiftRun | undefined;
    void runShift(platform, device, shift, screen, sound).then((made) => {
      started = made;
      if (ended) made.stop();
      else setRun(made);
    });
    const letSleep = keepAwake(() => undefined);
    return () => {
      ended = true;
      started?.stop();
      setRun(undefined);
      letSleep();
    };
  }, [platform, device, shift, sound]);

  useEffect(() => run?.kitchen.store.setFilter({ dining: settings.dining }), [run, settings.dining]);

  if (!run) return <main className="setup" aria-busy="true" />;
  return <ShiftContext value={run}>{shift?.mode === "guests" ? <Guests /> : <Board />}</ShiftContext>;
}
