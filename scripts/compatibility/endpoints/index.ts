import type { Endpoint } from "../endpoint.ts";
import { chat } from "./chat.ts";

/** Every endpoint of the table. To add one, write what `chat.ts` has, and put it here. */
export const endpoints: readonly Endpoint[] = [chat];
