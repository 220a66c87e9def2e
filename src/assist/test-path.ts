/** How a test is named after the file that it tests, by the conventions of test runners. */
const FORMS: readonly { readonly is: RegExp; readonly make: (stem: string, ending: string) => string }[] = [
  { is: /\.test\.\w+$/, make: (stem, ending) => `${stem}.test${ending}` },
  { is: /\.spec\.\w+$/, make: (stem, ending) => `${stem}.spec${ending}` },
  { is: /^test_[^/]+$/, make: (stem, ending) => `test_${stem}${ending}` },
  { is: /_test\.\w+$/, make: (stem, ending) => `${stem}_test${ending}` },
  { is: /_spec\.\w+$/, make: (stem, ending) => `${stem}_spec${ending}` },
  { is: /[a-z0-9]Test\.\w+$/, make: (stem, ending) => `${stem}Test${ending}` },
];

/** The usual form of a language where a repository has no tests yet; that of `.test` for others. */
const USUAL: Readonly<Record<string, number>> = { ".py": 2, ".go": 3, ".rb": 4, ".java": 5, ".kt": 5, ".cs": 5 };

const TEST_FOLDERS = ["test", "tests", "spec", "__tests__"];
const SOURCE_FOLDERS = ["src", "lib", "app"];

/** Where the test of a file belongs, and the tests from which that was seen, those of the same folder first. */
export function guessTestPath(
  path: string,
  files: readonly string[],
): { readonly path: string; readonly neighbours: readonly string[] } {
  const [folder, name] = splitPath(path);
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  const tests = files.filter((each) => each.endsWith(ending) && FORMS.some(({ is }) => is.test(splitPath(each)[1])));
  const closest = tests.toSorted((a, b) => shared(b, path) - shared(a, path));
  const [model] = closest;
  const form =
    FORMS.find(({ is }) => model !== undefined && is.test(splitPath(model)[1])) ??
    FORMS[USUAL[ending] ?? 0] ??
    FORMS[0];
  const made = form?.make(stem, ending) ?? name;
  return { path: [...folderOf(folder, model), made].join("/"), neighbours: closest.slice(0, 3) };
}

/** In a folder of tests like the closest test, else beside the file. */
function folderOf(folder: readonly string[], model: string | undefined): readonly string[] {
  const [modelFolder] = model === undefined ? [[]] : splitPath(model);
  const at = modelFolder.findIndex((name) => TEST_FOLDERS.includes(name));
  if (at < 0) return folder;
  const top = modelFolder.slice(0, at + 1);
  // Such as web/__tests__ for web/a.js, whose tests are beside it but for one folder.
  if (top.at(-1) === "__tests__") return [...folder, "__tests__"];
  const inside = folder.slice(at);
  const mirrored = SOURCE_FOLDERS.includes(inside[0] ?? "") ? inside.slice(1) : inside;
  return modelFolder.length > at + 1 || inside.length === 0 ? [...top, ...mirrored] : top;
}

function splitPath(path: string): readonly [readonly string[], string] {
  const names = path.split("/");
  return [names.slice(0, -1), names.at(-1) ?? ""];
}

/** How many names two paths have in common: folders of the one that are folders of the other. */
function shared(a: string, b: string): number {
  const names = new Set(b.split("/").slice(0, -1));
  return a.split("/").filter((name) => names.has(name)).length;
}
