import { Drawer } from "@muster/ui/drawer";
import { Icon } from "@muster/ui/icons";
import { useKitchen, useShift } from "../context.tsx";
import { undone } from "../model/intents.ts";
import { allergyText, hasAllergy } from "../model/rows.ts";
import type { Card } from "../model/view.ts";

export interface Ask {
  kind: "allergy" | "not-ready";
  ticketId: string;
}

/** What has to be looked at before a bump. Vanishes when the ticket does. */
export default function Prompt({ ask, close }: { ask: Ask; close(): void }) {
  const card = useKitchen((state) => state.view.cards.find((each) => each.ticket.id === ask.ticketId));
  if (!card) return null;
  return ask.kind === "allergy" ? <Allergies card={card} close={close} /> : <NotReady card={card} close={close} />;
}

function Allergies({ card, close }: { card: Card; close(): void }) {
  const { cook } = useShift();
  const items = undone(card.ticket).filter((item) => hasAllergy(item) && !item.voided);
  return (
    <Drawer title={`Allergy, order ${card.ticket.number}`} close={close} kind="prompt">
      <ul className="prompt-list">
        {items.map((item) => (
          <li key={item.itemId}>
            <b>
              {item.quantity}× {item.name}
            </b>
            <p className={`allergy${item.conflicts.length > 0 ? " conflict" : ""}`}>
              <Icon name="allergy" />
              <span>{allergyText(item)}</span>
            </p>
          </li>
        ))}
      </ul>
      <div className="prompt-foot">
        <button type="button" className="button quiet" onClick={close}>
          Not yet
        </button>
        <button
          type="button"
          className="button strong"
          onClick={() => {
            cook.acknowledge(card, items);
            close();
          }}
        >
          <Icon name="check" /> I have seen it
        </button>
      </div>
    </Drawer>
  );
}

function NotReady({ card, close }: { card: Card; close(): void }) {
  const { cook } = useShift();
  const missing = undone(card.ticket).filter((item) => !item.ready && !item.voided);
  return (
    <Drawer title={`Order ${card.ticket.number} is not ready`} close={close} kind="prompt">
      <ul className="prompt-list">
        {missing.map((item) => (
          <li key={item.itemId}>
            <b>
              {item.quantity}× {item.name}
            </b>{" "}
            <span className="soft">
              {item.alsoAt
                .filter((also) => also.state !== 3)
                .map((also) => also.name)
                .join(", ")}{" "}
              not done
            </span>
          </li>
        ))}
      </ul>
      <div className="prompt-foot">
        <button type="button" className="button strong" onClick={close}>
          Wait for it
        </button>
        <button
          type="button"
          className="button danger"
          onClick={() => {
            cook.bump(card, true);
            close();
          }}
        >
          Hand out anyway
        </button>
      </div>
    </Drawer>
  );
}
