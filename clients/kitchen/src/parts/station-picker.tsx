import { type Station, StationKind } from "#gen/muster/orders/v1/station_pb";

interface Props {
  stations: readonly Station[];
  /** Empty: all. */
  chosen: readonly string[];
  choose(ids: readonly string[]): void;
}

/** One or more prep stations, or expo alone: expo shows whole orders, which would stand there twice. */
export function StationPicker({ stations, chosen, choose }: Props) {
  const prep = stations.filter((station) => station.kind !== StationKind.EXPO);
  const expo = stations.filter((station) => station.kind === StationKind.EXPO);
  const isExpo = (id: string) => expo.some((station) => station.id === id);
  const everyPrep = prep.map((station) => station.id);
  const all = prep.length > 0 && everyPrep.every((id) => chosen.includes(id));
  const toggle = (id: string) => {
    const kept = chosen.filter((each) => !isExpo(each));
    choose(kept.includes(id) ? kept.filter((each) => each !== id) : [...kept, id]);
  };
  return (
    <div className="choices">
      {prep.map((station) => (
        <button
          type="button"
          className="button"
          key={station.id}
          aria-pressed={chosen.includes(station.id)}
          onClick={() => toggle(station.id)}
        >
          {station.name}
        </button>
      ))}
      {prep.length > 1 && (
        <button type="button" className="button" aria-pressed={all} onClick={() => choose(all ? [] : everyPrep)}>
          All stations
        </button>
      )}
      {expo.map((station) => (
        <button
          type="button"
          className="button"
          key={station.id}
          aria-pressed={chosen.includes(station.id)}
          onClick={() => choose([station.id])}
        >
          {/expo/i.test(station.name) ? station.name : `${station.name} (expo)`}
        </button>
      ))}
    </div>
  );
}
