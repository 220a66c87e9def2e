/** Names of files that hold passwords and keys, by the conventions of the programs that read them. */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env([._-].+)?$/,
  /^env\.(local|dev|development|prod|production|staging)$/,
  /^\.(envrc|npmrc|pypirc|netrc|pgpass|htpasswd|git-credentials|dockercfg|vault-token)$/,
  /^(_netrc|\.my\.cnf|\.yarnrc\.yml|kubeconfig|wp-config\.php)$/,
  /^id_(rsa|dsa|ecdsa|ed25519)([._-].+)?(?<!\.pub)$/,
  /\.(env|pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfvars|tfvars\.json|tfstate|kubeconfig)$/,
  /^appsettings\..+\.json$/,
];

/** Files that hold data, not code: their names say what they hold. */
const DATA = /^\.?[^.]+$|\.(json|ya?ml|toml|ini|cfg|conf|config|cnf|properties|txt|csv|xml|plist)$/;
/** `passwd` alone is the list of a system's users. */
const SECRET_WORDS =
  /^(?!passwd$)(.*-)?(secrets?|credentials?|passwords?|passwd|service-?accounts?|private-key|api-keys?)(-|$)/;

/** A copy holds what the file holds. */
const COPIES = /(~|\.(bak|backup|old|orig|save|swp|copy))+$/;
/** Files that show which secrets there are, without them. */
const EXAMPLES = /\.(example|sample|template|dist)$/;

/** Whether a file's name says that it holds secrets. */
export function isSecretPath(path: string): boolean {
  const whole = path.slice(path.lastIndexOf("/") + 1).replace(COPIES, "");
  const name = whole.toLowerCase();
  if (EXAMPLES.test(name)) return false;
  const words = whole
    .replaceAll(/([a-z\d])(?=[A-Z])/g, "$1-")
    .replaceAll(/[._\s]/g, "-")
    .toLowerCase();
  return SECRET_NAMES.some((form) => form.test(name)) || (DATA.test(name) && SECRET_WORDS.test(words));
}

/** Whether a text holds a private key, or the end of one. */
export function hasPrivateKey(text: string): boolean {
  return /-----(?:BEGIN|END) (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/.test(text);
}

/** Tokens as their services make them. */
const TOKENS: readonly RegExp[] = [
  /\b(?:AKIA|ASIA)(?!\w{0,12}EXAMPLE)[A-Z0-9]{16}\b/,
  /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50}|glpat-[\w-]{20}|AIza[\w-]{35}|[rs]k_live_\w{20})/,
  /\bxox[abeoprs]-\d[A-Za-z0-9-]{15}/,
  /\bsk-(?=[\w-]{0,100}\d)(?=[\w-]{0,100}[A-Z])(?=[\w-]{0,100}[a-z])[\w-]{24}/,
];

const PASSWORD = "(?:password|passwd|passphrase)";
const KEY = "(?:secret|token|api[_-]?key|access[_-]?key|secret[_-]?key)";
const QUOTED = `["']?\\s{0,8}[:=]\\s{0,8}(["'])(?<value>[^"'\\s]{8,200})\\1`;
const BARE = "[ \\t]{0,8}[:=][ \\t]{0,8}(?<value>[^\"'\\s]{8,200})[ \\t\\r]{0,8}$";

/** What no secret has, but templates, types, calls and stand-ins do. */
const NO_SECRET =
  /[${}<>()[\]|]|^(?:[a-z]+:\/\/|\/)|example|change.?me|your|placeholder|dummy|redacted|x{4}|\*{3}|\.{3}/i;

/** Why a text isn't put into prompts: what it holds that looks like a secret; undefined if nothing does. */
export function whySecret(path: string, text: string): string | undefined {
  if (hasPrivateKey(text)) return "it holds a private key";
  if (TOKENS.some((form) => form.test(text))) return "it holds what looks like a token";
  const forms = DATA.test(path.slice(path.lastIndexOf("/") + 1).toLowerCase()) ? [QUOTED, BARE] : [QUOTED];
  for (const form of forms) {
    if (assigns(text, `${PASSWORD}${form}`, /[a-z]/i, /[\d!@#%^&*?+]/)) return "it holds what looks like a password";
    if (assigns(text, `${KEY}${form}`, /^(?=.*[a-z])[\w+/=.-]{16,}$/i, /\d(?:.*\d){2}/))
      return "it holds what looks like a key";
  }
  return undefined;
}

/** Whether something with such a name is set to a value of these forms. */
function assigns(text: string, assignment: string, ...forms: readonly RegExp[]): boolean {
  for (const { groups } of text.matchAll(new RegExp(assignment, "gim"))) {
    const value = groups?.value ?? "";
    if (!NO_SECRET.test(value) && forms.every((form) => form.test(value))) return true;
  }
  return false;
}
