/** Synonyms in any context: British and American spellings, and words with one meaning. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "e-mail": "email",
    "wi-fi": "wifi",
    tv: "television",
    telephone: "phone",
    photograph: "photo",
    automobile: "car",
    movie: "film",
    movies: "films",
    kid: "child",
    kids: "children",
    biggest: "largest",
    quickest: "fastest",
    someone: "somebody",
    anyone: "anybody",
    everyone: "everybody",
    whilst: "while",
    amongst: "among",
    towards: "toward",
    tyre: "tire",
    tyres: "tires",
    colour: "color",
    colours: "colors",
    favourite: "favorite",
    grey: "gray",
    centre: "center",
    litre: "liter",
    litres: "liters",
    kilometre: "kilometer",
    kilometres: "kilometers",
    organise: "organize",
    organisation: "organization",
    aeroplane: "airplane",
    neighbour: "neighbor",
    neighbours: "neighbors",
    behaviour: "behavior",
    jewellery: "jewelry",
    ...pairs("two three four five six seven eight nine ten eleven twelve".split(" "), (word, index) => [
      word,
      `${index + 2}`,
    ]),
    ...pairs("twenty thirty forty fifty sixty seventy eighty ninety".split(" "), (word, index) => [
      word,
      `${index + 2}0`,
    ]),
  }),
);

/** Synonyms of verbs. They apply only after a pronoun or "to", since some of the words are also nouns. */
export const SYNONYMS_OF_VERBS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    purchase: "buy",
    obtain: "get",
    begin: "start",
    mend: "repair",
    fix: "repair",
    erase: "delete",
  }),
);

/** Contractions. `'s` after any other word is a possessive. */
export const CONTRACTIONS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    cannot: ["can", "not"],
    "can't": ["can", "not"],
    "won't": ["will", "not"],
    "shan't": ["shall", "not"],
    "i'm": ["i", "am"],
    ...pairs(
      ["do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "could", "would", "should"],
      (word) => [`${word}n't`, [word, "not"]],
    ),
    ...pairs(["what", "who", "where", "when", "why", "how", "it", "he", "she", "that", "there", "here"], (word) => [
      `${word}'s`,
      [word, "is"],
    ]),
    ...pairs(["we", "you", "they", "what", "who"], (word) => [`${word}'re`, [word, "are"]]),
    ...pairs(["i", "we", "you", "they"], (word) => [`${word}'ve`, [word, "have"]]),
    ...pairs(["i", "we", "you", "they", "he", "she", "it"], (word) => [`${word}'ll`, [word, "will"]]),
  }),
);

function pairs<Value>(
  words: readonly string[],
  make: (word: string, index: number) => readonly [string, Value],
): Record<string, Value> {
  return Object.fromEntries(words.map(make));
}

/** Words that mean something else with a capital, so the capital counts. */
export const NAMES_TOO: ReadonlySet<string> = new Set(
  (
    "access acorn alphabet amazon angular ansible apple april art august basic bash bath bible bill brave buffalo cancer catholic chad chase chef " +
    "chile china chip chrome cliff conservative cork dale danish dart dawn dean democrat discord docker drew dutch earl earth edge emmy eve " +
    "excel express faith flask ford frank french gap gene georgia german ginger god go grace grant green guinea guy heather holly hope iris " +
    "ivy jack java jasmine jean jordan joy julia june labour lent liberal lily lima march mark mars may mercury meta miles mobile moon nice " +
    "node noble office olive opera oracle orange oscar outlook pat penny phoenix polish puppet python rails ray react reading republican rich " +
    "rob rose ruby rust safari salt sandy scratch shell slack spark spring stone sue sun swift target teams titanic tony turkey venus violet " +
    "visa wade who will windows word zoom atom beetle cricket crystal cypress delta dove drift eclipse echo element elixir ember epic fiesta " +
    "figure fire focus galaxy ghost gimp golf hinge hive insight jaguar jest kindle line linear maven mint mocha monday mustang nest next " +
    "notion origin pandora pig pilot pixel polo puma rhino robin segment signal sketch spotlight square steam storm stripe sublime subway " +
    "surface telegram tide tinder twitch uber unity virgin vue wise sat wed mon"
  ).split(" "),
);

/** Of those, the words that also begin sentences in their plain meaning; there the capital doesn't count. */
export const SENTENCE_STARTERS: ReadonlySet<string> = new Set(["who", "will", "may", "go"]);

/** A text with one of these counts as English. None is a word of a neighbouring language. */
export const ENGLISH: ReadonlySet<string> = new Set(
  (
    "the what which who whose how why where when does did is are my your with and this that these those should " +
    "would could can not you it explain describe give show tell write please name list recommend summarize"
  ).split(" "),
);

/** Greetings, if a mark follows. */
export const GREETINGS = phrases(
  "hi, hi there, hello, hello there, hey, hey there, good morning, good afternoon, good evening, excuse me, sorry",
);

/** Thanks, after a mark. */
export const THANKS = phrases(
  "thanks, thank you, thank you very much, thanks a lot, many thanks, thanks in advance, thank you in advance",
);

function phrases(list: string): readonly (readonly string[])[] {
  return list.split(", ").map((phrase) => phrase.split(" "));
}

/** A text with one of these may be about words themselves, so polite words are kept. */
export const ABOUT_WORDS: ReadonlySet<string> = new Set(
  (
    "say says said saying word words mean means meaning translate translation spell spelling pronounce write phrase language type call " +
    "called rhyme rhymes quote sentence text reply answer letter letters message"
  ).split(" "),
);

/** A sentence can't end with one of these, so a following polite word is kept. */
export const INCOMPLETE: ReadonlySet<string> = new Set("for as with of to the a an in on and or is".split(" "));

export const QUESTION_WORDS: ReadonlySet<string> = new Set(["what", "who", "where", "when", "why", "how", "which"]);

/** Words that only begin a question. */
export const ASKING: ReadonlySet<string> = new Set("does did is are was were could would should has had am".split(" "));

/** Words that begin a question if a subject follows. */
export const AUXILIARIES: ReadonlySet<string> = new Set([
  ...ASKING,
  ..."do can will shall may might must have".split(" "),
]);

export const PRONOUNS: ReadonlySet<string> = new Set("i you he she we they".split(" "));

/** After "how do I", these ask for how something is; "how can I" asks for a way. */
export const STATES: ReadonlySet<string> = new Set(
  (
    "look feel know sound seem appear smell taste compare stand score rank differ rate come go do get have work perform behave act weigh " +
    "think be fail lose forget trust love hate like want need matter mean see hear believe"
  ).split(" "),
);

/** Words with the same form in singular and plural. */
export const SAME_IN_PLURAL: ReadonlySet<string> = new Set(
  "series species means headquarters crossroads barracks gallows works".split(" "),
);

/** Words that end in "est" and aren't superlatives. */
export const NO_SUPERLATIVES: ReadonlySet<string> = new Set(
  "forest interest request guest test west rest nest harvest contest protest chest quest digest priest".split(" "),
);

/** The attribute that "how … is it" asks for. */
export const MEASURES: ReadonlyMap<string, string> = new Map(
  Object.entries({ tall: "height", old: "age", deep: "depth", heavy: "weight", wide: "width" }),
);

/** Attributes for which "the … of X" and "X's …" mean the same. */
export const ATTRIBUTES: ReadonlySet<string> = new Set([
  ..."capital population currency president mayor king queen length size area climate government birthplace".split(" "),
  ...MEASURES.values(),
]);

/** The maker for each verb. */
export const MAKERS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    wrote: "author",
    painted: "painter",
    composed: "composer",
    invented: "inventor",
    discovered: "discoverer",
    founded: "founder",
  }),
);
