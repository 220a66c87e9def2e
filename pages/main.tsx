import "./frame/tokens.css";
import "./frame/base.css";
import { render } from "preact";
import { Shell } from "./frame/shell.tsx";
import { ROUTES } from "./routes.ts";

const root = document.getElementById("app");
if (root !== null) render(<Shell routes={ROUTES} />, root);
