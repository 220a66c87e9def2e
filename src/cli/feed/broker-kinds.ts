import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Broker, BrokerOptions } from "../../items/broker.ts";
import { CommandError } from "../errors.ts";

/** The names of the source, of the results and of the dead letters. */
type BrokerNames = { readonly from: string; readonly to: string; readonly dead: string };

/** A kind of broker. */
export type BrokerKind = {
  /** The protocols of its URLs. */
  readonly protocols: readonly string[];
  readonly example: string;
  /** What has to be installed beside Sluice, with its version. */
  readonly packages: Readonly<Record<string, string>>;
  /** Where dead letters go if nobody says. */
  readonly deadOf: (names: Omit<BrokerNames, "dead">) => string;
  /** This consumer's name if nobody says. */
  readonly consumer: () => string;
  /** What is wrong with names, if anything is. */
  readonly faultIn: (names: BrokerNames & { readonly group: string }) => string | undefined;
  readonly open: () => Promise<(options: BrokerOptions) => Promise<Broker>>;
};

const KAFKA_NAME = /^[\w.-]{1,249}$/;

const ownName = () => `${hostname()}-${process.pid}-${randomUUID()}`;

/** All kinds. Their clients are loaded when they are opened. */
export const BROKER_KINDS: readonly BrokerKind[] = [
  {
    protocols: ["redis:", "rediss:"],
    example: "redis://127.0.0.1:6379",
    packages: {},
    deadOf: ({ from }) => `${from}:dead`,
    consumer: ownName,
    faultIn: () => undefined,
    open: async () => (await import("../../items/redis-broker.ts")).openRedisBroker,
  },
  {
    protocols: ["mqtt:", "mqtts:"],
    example: "mqtt://127.0.0.1:1883",
    packages: { mqtt: "5" },
    deadOf: ({ to }) => `${to}/dead`,
    // It has to be the same in the next run.
    consumer: hostname,
    faultIn: ({ to, dead }) =>
      /[#+]/.test(to + dead) ? "--to and --dead must be topics without # and +: they are published to." : undefined,
    open: async () => (await import("../../items/mqtt-broker.ts")).openMqttBroker,
  },
  {
    protocols: ["nats:", "tls:"],
    example: "nats://127.0.0.1:4222",
    packages: { "@nats-io/transport-node": "3", "@nats-io/jetstream": "3" },
    deadOf: ({ to }) => `${to}.dead`,
    consumer: ownName,
    faultIn: natsFault,
    open: async () => (await import("../../items/nats-broker.ts")).openNatsBroker,
  },
  {
    protocols: ["kafka:", "kafkas:"],
    example: "kafka://127.0.0.1:9092",
    packages: { "@platformatic/kafka": "2" },
    deadOf: ({ to }) => `${to}.dead`,
    consumer: ownName,
    faultIn: ({ from, to, dead, group }) =>
      KAFKA_NAME.test(from) && KAFKA_NAME.test(to) && KAFKA_NAME.test(dead) && !/\s/.test(group)
        ? undefined
        : "--from, --to and --dead must be topics, of letters, digits, dots, dashes and underscores, and --group has no spaces.",
    open: async () => (await import("../../items/kafka-broker.ts")).openKafkaBroker,
  },
];

function natsFault({ from, to, dead, group }: BrokerNames & { readonly group: string }): string | undefined {
  if (/\s/.test(from + to + dead)) return "--from, --to and --dead must be subjects, without spaces.";
  if (/[*>]/.test(to + dead)) return "--to and --dead must be subjects without * and >: they are published to.";
  if (/[\s.*>/\\]/.test(group)) {
    return `--group: ${group} is no name of a consumer. Leave out spaces and the characters . * > / \\.`;
  }
  return undefined;
}

/** Loads a broker's client. Throws a CommandError that says what has to be installed. */
export async function loadBroker({ packages, open }: BrokerKind): Promise<(options: BrokerOptions) => Promise<Broker>> {
  for (const name of Object.keys(packages)) {
    try {
      await import(name);
    } catch (error) {
      const wanted = Object.entries(packages).map(([wantedName, version]) => `${wantedName}@${version}`);
      throw new CommandError(`This broker needs the package ${name} beside Sluice: npm install ${wanted.join(" ")}`, {
        cause: error,
      });
    }
  }
  return open();
}
