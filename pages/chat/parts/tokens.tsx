import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { InPlace } from "../../frame/in-place.tsx";
import { Bar, ErrorNote } from "../../frame/parts.tsx";
import type { AssistantMessage, Likely, Token } from "../conversation/message.ts";
import { joinTokens, replaceToken, toProbability } from "../conversation/token-text.ts";
import type { Chat } from "../state/chat.ts";

type TokensProps = { readonly chat: Chat; readonly lane: number; readonly message: AssistantMessage };

/** An answer token by token, once its tokens are read. */
export function Tokens({ chat, lane, message }: TokensProps) {
  const [tokens, setTokens] = useState<readonly Token[]>();
  const [error, setError] = useState<unknown>();
  const { id } = message;
  useEffect(() => {
    let isGone = false;
    chat.tokensOf(id).then(
      (found) => isGone || setTokens(found),
      (reason: unknown) => isGone || setError(reason),
    );
    return () => {
      isGone = true;
    };
  }, [chat, id]);
  if (error !== undefined) return <ErrorNote error={error} />;
  if (tokens === undefined) return <p class="quiet">Reading the tokens…</p>;
  return <TokenList message={message} tokens={tokens} onGoOn={(text) => chat.goOn(lane, id, text)} />;
}

type ListProps = {
  readonly message: AssistantMessage;
  readonly tokens: readonly Token[];
  readonly onGoOn: (text: string) => void;
};

/** The less likely a token was, the stronger its mark. What could have been in the place of the chosen one is below. */
function TokenList({ message, tokens, onGoOn }: ListProps) {
  const [at, setAt] = useState<number>();
  const prefix = useId();
  const list = useRef<HTMLDivElement>(null);
  const groups = useMemo(() => groupsOf(tokens), [tokens]);
  const before = message.content.slice(0, message.tokensFromChar);
  const told = joinTokens(tokens);
  const after = told === undefined ? "" : message.content.slice(before.length + told.length);
  const chosen = at === undefined ? undefined : tokens[at];
  const select = (index: number) => {
    const next = Math.min(tokens.length - 1, Math.max(0, index));
    setAt(next);
    list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div class="tokens">
      <div
        class="tokens-text"
        role="listbox"
        aria-label="The answer's tokens"
        aria-activedescendant={at === undefined ? undefined : `${prefix}-${at}`}
        tabIndex={0}
        ref={list}
        onPointerOver={({ target }) => {
          const index = target instanceof HTMLElement ? target.dataset.at : undefined;
          if (index !== undefined) setAt(Number(index));
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowRight") select((at ?? -1) + 1);
          else if (event.key === "ArrowLeft") select((at ?? 1) - 1);
          else if (event.key === "Home") select(0);
          else if (event.key === "End") select(tokens.length - 1);
          else return;
          event.preventDefault();
        }}
      >
        {before !== "" && <span class="tokens-given">{before}</span>}
        {groups.map(({ from, group }) => (
          <Group key={from} prefix={prefix} tokens={group} from={from} at={at} />
        ))}
        {after !== "" && <span class="tokens-given">{after}</span>}
      </div>
      <div class="tokens-others">
        {chosen === undefined || at === undefined ? (
          <p class="quiet">
            Point at a token, or go to it with the arrow keys, to see what could have been in its place.
          </p>
        ) : (
          <table class="others" aria-label={`What could have been in the place of ${spell(chosen.text)}`}>
            <tbody>
              {rank(chosen).map((each) => (
                <Other
                  key={`${each.text}${each.bytes?.join() ?? ""}`}
                  each={each}
                  isChosen={isSame(each, chosen)}
                  text={replaceToken(before, tokens, at, each)}
                  onGoOn={onGoOn}
                />
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}

const GROUP = 200;

function groupsOf(tokens: readonly Token[]): readonly { readonly from: number; readonly group: readonly Token[] }[] {
  return Array.from({ length: Math.ceil(tokens.length / GROUP) }, (_, index) => ({
    from: index * GROUP,
    group: tokens.slice(index * GROUP, (index + 1) * GROUP),
  }));
}

type GroupProps = {
  readonly prefix: string;
  readonly tokens: readonly Token[];
  readonly from: number;
  readonly at: number | undefined;
};

/** Some of the tokens: of ten thousand, only those near the pointer are rendered again. */
function Group({ prefix, tokens, from, at }: GroupProps) {
  const local = at !== undefined && at >= from && at < from + GROUP ? at - from : undefined;
  return useMemo(
    () => (
      <span>
        <InPlace items={tokens}>
          {(token, index) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and names the option
            <span
              id={`${prefix}-${from + index}`}
              class={`token token-${strengthOf(token)}`}
              role="option"
              aria-selected={index === local}
              aria-label={`${spell(token.text)}, ${percent(token)}`}
              data-at={from + index}
            >
              {token.text.replaceAll("\n", "⏎\n")}
            </span>
          )}
        </InPlace>
      </span>
    ),
    [prefix, tokens, from, local],
  );
}

type OtherProps = {
  readonly each: Likely;
  readonly isChosen: boolean;
  readonly text: string | undefined;
  readonly onGoOn: (text: string) => void;
};

function Other({ each, isChosen, text, onGoOn }: OtherProps) {
  return (
    <tr>
      <td class="number">{percent(each)}</td>
      <td class="others-share">
        <Bar share={toProbability(each.logprob)} />
      </td>
      <td class="others-text mono">{spell(each.text)}</td>
      <td class="others-act">
        {isChosen ? (
          <span class="quiet">is here</span>
        ) : text === undefined ? (
          <span class="quiet">is no text</span>
        ) : (
          <button class="act" type="button" onClick={() => onGoOn(text)}>
            Go on from this one
          </button>
        )}
      </td>
    </tr>
  );
}

/** The alternatives, the likeliest first, with the token itself even if it was none of them. */
function rank(token: Token): readonly Likely[] {
  const isListed = token.others.some((other) => isSame(other, token));
  return [...token.others, ...(isListed ? [] : [token])].sort((a, b) => b.logprob - a.logprob);
}

function isSame(a: Likely, b: Likely): boolean {
  return a.text === b.text && a.bytes?.join() === b.bytes?.join();
}

/** How much a token is marked, from 0 (it was sure) to 4. */
function strengthOf({ logprob }: Likely): number {
  const probability = toProbability(logprob);
  return [0.9, 0.6, 0.3, 0.1].filter((bound) => probability < bound).length;
}

function percent({ logprob }: Likely): string {
  const probability = toProbability(logprob) * 100;
  return `${probability >= 99.95 ? "100" : probability.toFixed(1)} %`;
}

/** A token's text with its white space to be seen. */
function spell(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");
}
