/** What a family of metrics counts, by Prometheus' types. */
export type Family = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** The names of its labels; none if absent. */
  readonly labels?: readonly string[];
  /** The upper bounds of a histogram's buckets, in order. */
  readonly buckets?: readonly number[];
};

/** One series of a counter or a gauge: its labels have values. */
export type Value = {
  readonly add: (amount: number) => void;
  readonly set: (value: number) => void;
};

/** One series of a histogram. */
export type Distribution = {
  readonly observe: (value: number) => void;
  /** Takes over what was counted elsewhere, by the same buckets and one for what is above them. */
  readonly replace: (counts: readonly number[], sum: number) => void;
};

/** Values by labels. */
export type Metrics = {
  /** The series of a counter or a gauge with these values of its labels, in their order. Keep it: finding it costs more than adding to it. */
  readonly value: (family: Family, ...labels: readonly string[]) => Value;
  readonly distribution: (family: Family, ...labels: readonly string[]) => Distribution;
  /** Removes all series of a family, so that a gauge tells only of what there is now. */
  readonly clear: (family: Family) => void;
  /** All series in Prometheus' text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */
  readonly write: () => string;
};

/** Further series of a family are counted as one, whose labels say so: a client must not be able to fill the memory. */
const MAX_SERIES = 1_000;
const OTHER = "other";

const NONE = "";

type Series = Value & Distribution & { readonly write: () => string };

/** The series of a family, by one label after another. */
type Tree = Map<string, Tree | Series>;

type Found = { readonly tree: Tree; readonly list: Series[] };

/** @param families all that may be used, in the order in which they are written */
export function createMetrics(families: readonly Family[]): Metrics {
  const all = new Map<Family, Found>(families.map((family) => [family, { tree: new Map(), list: [] }]));

  function find(family: Family, labels: readonly string[]): Series {
    const found = all.get(family);
    if (found === undefined) throw new Error(`The metric ${family.name} is in no table.`);
    // Step by step: putting the labels together to one name would take longer than all else.
    let at: Tree | Series | undefined = found.tree;
    if (labels.length === 0) at = found.tree.get(NONE);
    for (const label of labels) at = at instanceof Map ? at.get(label) : undefined;
    if (at !== undefined && !(at instanceof Map)) return at;
    return add(family, found, labels);
  }

  function add(family: Family, found: Found, labels: readonly string[]): Series {
    if (labels.length !== (family.labels ?? []).length) {
      throw new Error(`The metric ${family.name} has the labels ${family.labels?.join(", ") ?? "none"}.`);
    }
    if (found.list.length >= MAX_SERIES && labels.some((label) => label !== OTHER)) {
      return find(
        family,
        labels.map(() => OTHER),
      );
    }
    const made = family.type === "histogram" ? createDistribution(family, labels) : createValue(family, labels);
    found.list.push(made);
    let tree = found.tree;
    // A family without labels has its only series under this one.
    const path = labels.length === 0 ? [NONE] : labels;
    for (const [at, label] of path.entries()) {
      const next = tree.get(label);
      if (at === path.length - 1) {
        tree.set(label, made);
      } else if (next instanceof Map) {
        tree = next;
      } else {
        const below: Tree = new Map();
        tree.set(label, below);
        tree = below;
      }
    }
    return made;
  }

  return {
    value: (family, ...labels) => find(family, labels),
    distribution: (family, ...labels) => find(family, labels),
    clear(family) {
      all.get(family)?.tree.clear();
      all.get(family)?.list.splice(0);
    },
    write() {
      let text = "";
      for (const [{ name, type, help }, { list }] of all) {
        if (list.length === 0) continue;
        text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
        for (const one of list) text += one.write();
      }
      return text;
    },
  };
}

function createValue({ name, labels = [] }: Family, values: readonly string[]): Series {
  const head = `${name}${writeLabels(labels, values)} `;
  let value = 0;
  return {
    add(amount) {
      value += amount;
    },
    set(now) {
      value = now;
    },
    observe: notOf(name),
    replace: notOf(name),
    write: () => `${head}${writeNumber(value)}\n`,
  };
}

function createDistribution({ name, labels = [], buckets = [] }: Family, values: readonly string[]): Series {
  // The last one has what is above all bounds.
  const counts = new Float64Array(buckets.length + 1);
  const heads = [...buckets.map(writeNumber), "+Inf"].map(
    (bound) => `${name}_bucket${writeLabels([...labels, "le"], [...values, bound])} `,
  );
  const own = writeLabels(labels, values);
  let sum = 0;
  return {
    add: notOf(name),
    set: notOf(name),
    observe(value) {
      let at = 0;
      while (at < buckets.length && value > (buckets[at] ?? 0)) at += 1;
      counts[at] = (counts[at] ?? 0) + 1;
      sum += value;
    },
    replace(others, total) {
      for (const at of counts.keys()) counts[at] = others[at] ?? 0;
      sum = total;
    },
    write() {
      let text = "";
      let count = 0;
      for (const [at, head] of heads.entries()) {
        count += counts[at] ?? 0;
        text += `${head}${count}\n`;
      }
      return `${text}${name}_sum${own} ${writeNumber(sum)}\n${name}_count${own} ${count}\n`;
    },
  };
}

function notOf(name: string): () => void {
  return () => {
    throw new Error(`The metric ${name} is of another type.`);
  };
}

function writeLabels(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, at) => `${name}="${escapeLabel(values[at] ?? "")}"`).join(",")}}`;
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`));
}

function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (sign) => (sign === "\n" ? "\\n" : "\\\\"));
}

function writeNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
