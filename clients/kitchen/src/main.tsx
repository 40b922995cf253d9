import "@muster/ui/tokens.css";
import "@muster/ui/controls.css";
import "./styles/board.css";
import "./styles/ticket.css";
import "./styles/setup.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
