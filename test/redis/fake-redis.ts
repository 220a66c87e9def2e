import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Speaks just enough of Redis's protocol (RESP3) to count as the script of `createCounters` does. Nothing expires. */
export async function fakeRedis() {
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let isMute = false;

  function answer([name = "", ...words]: readonly string[]): string {
    if (name.toUpperCase() === "HELLO") return "%1\r\n$5\r\nproto\r\n:3\r\n";
    if (name.toUpperCase() !== "EVAL") return "+OK\r\n";
    const [, , key = "", points, ms] = words;
    counts.set(key, (counts.get(key) ?? 0) + Number(points));
    return `*2\r\n:${counts.get(key)}\r\n:${ms}\r\n`;
  }

  const server = createServer((socket) => {
    let rest = "";
    sockets.add(socket);
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      rest += chunk;
      for (;;) {
        const command = takeCommand(rest);
        if (command === undefined) return;
        rest = command.rest;
        const reply = answer(command.words);
        if (isMute) held.push(() => socket.write(reply));
        else socket.write(reply);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${port}`,
    counts,
    /** Whether commands are taken and their answers held back. */
    mute: (on: boolean) => {
      isMute = on;
      if (!on) for (const send of held.splice(0)) send();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** The first command of a text of `*N` and N times `$LENGTH`; undefined where it is not whole. */
function takeCommand(text: string): { readonly words: readonly string[]; readonly rest: string } | undefined {
  const lines = text.split("\r\n");
  const count = Number(lines[0]?.slice(1));
  const needed = 1 + 2 * count;
  if (text === "" || lines.length <= needed) return undefined;
  const words = Array.from({ length: count }, (_, index) => lines[2 + 2 * index] ?? "");
  return { words, rest: lines.slice(needed).join("\r\n") };
}
