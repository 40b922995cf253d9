import { Drawer } from "@muster/ui/drawer";
import type { Card } from "../model/view.ts";
import { Attention } from "../panels/attention.tsx";
import { EightySix } from "../panels/eighty-six.tsx";
import { More } from "../panels/more.tsx";
import { Recall } from "../panels/recall.tsx";
import { Stations } from "../panels/stations.tsx";
import { Why } from "../panels/why.tsx";
import type { PanelName } from "./board.tsx";

interface Props {
  name: PanelName;
  card: Card | undefined;
  close(): void;
}

const TITLES: Record<PanelName, string> = {
  recall: "Bumped in the last 15 minutes",
  eightySix: "86: out of stock",
  stations: "What this screen shows",
  help: "Keys, sound and size",
  attention: "Refused: needs attention",
  why: "Why is this here",
};

/** What opens over the tickets. */
export default function Panel({ name, card, close }: Props) {
  const title = name === "why" && card ? `Order ${card.ticket.number}` : TITLES[name];
  return (
    <Drawer title={title} close={close}>
      {name === "recall" && <Recall close={close} />}
      {name === "eightySix" && <EightySix />}
      {name === "stations" && <Stations close={close} />}
      {name === "help" && <More />}
      {name === "attention" && <Attention close={close} />}
      {name === "why" && card && <Why card={card} />}
    </Drawer>
  );
}
