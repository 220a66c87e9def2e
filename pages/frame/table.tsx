import "./table.css";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

type Column<T> = {
  readonly title: string;
  readonly cell: (row: T) => ComponentChildren;
  /** Right-aligned, with digits of one width. */
  readonly isNumber?: boolean;
};

type TableProps<T> = {
  /** What the rows are, for screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
};

/** A table that scrolls sideways where it is too wide. */
export function Table<T>({ caption, columns, rows, keyOf }: TableProps<T>) {
  const { room, isWide } = useScrollable();
  return (
    // What scrolls must be reached by keyboard, too.
    <div ref={room} class="table-room" {...(isWide && { role: "group", tabIndex: 0, "aria-label": caption })}>
      <table class="table">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber === true ? "number" : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, isNumber }) => (
                <td key={title} class={isNumber === true ? "number" : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether an element has more in it than it shows. */
function useScrollable() {
  const room = useRef<HTMLDivElement>(null);
  const [isWide, setIsWide] = useState(false);
  useEffect(() => {
    const { current } = room;
    if (current === null) return;
    const observer = new ResizeObserver(() => setIsWide(current.scrollWidth > current.clientWidth));
    observer.observe(current);
    for (const child of current.children) observer.observe(child);
    return () => observer.disconnect();
  }, []);
  return { room, isWide };
}
