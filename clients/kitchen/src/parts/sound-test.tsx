import { useState } from "react";
import { useApp } from "../context.tsx";
import type { Signal } from "../model/signals.ts";

const SIGNALS: [Signal, string][] = [
  ["new", "New"],
  ["changed", "Changed"],
  ["void", "Void"],
  ["late", "Late"],
  ["ready", "Ready"],
  ["lost", "Link lost"],
];

/** Every sound once, and how loud. The first touch is what lets a browser make any. */
export function SoundTest() {
  const { settings, change, sound } = useApp();
  const [ready, setReady] = useState(sound.ready);
  const play = (signal: Signal) =>
    void sound.unlock().then((unlocked) => {
      setReady(unlocked);
      if (settings.muted) change({ muted: false });
      sound.muted = false;
      sound.play(signal);
    });
  return (
    <>
      <div className="choices">
        {SIGNALS.map(([signal, word]) => (
          <button type="button" className="button" key={signal} onClick={() => play(signal)}>
            {word}
          </button>
        ))}
      </div>
      <label className="volume">
        <span>Volume {Math.round(settings.volume * 100)} %</span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={settings.volume}
          onChange={(event) => change({ volume: Number(event.target.value) })}
        />
      </label>
      <p className="soft" role="status">
        {ready ? "Sound is on." : "Touch one to hear it and to switch the sound on."}
      </p>
    </>
  );
}
