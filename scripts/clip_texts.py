"""Two hundred odd texts for the CLIP tokenizer, written for this project."""

PLAIN = """
a red apple on a wooden table
A DOG, running to the left of the river!
three green bottles and one blue cup
an oil painting of a lighthouse in a storm
a photo of a cat wearing a tiny hat
two astronauts playing chess on the moon
the word "HELLO" written in chalk
a low-angle shot of a skyscraper at dusk, 35mm film
isn't it a bird? they're geese; we've seen 'em, I'd say she'll come, he's late, I'm not
ISN'T THEY'RE WE'VE I'D SHE'LL HE'S I'M DON'T
rock'n'roll o'clock 'tis the dog's'
a.b.c. e.g. i.e. U.S.A.
100% of 3,000.50 is 3000.5 (about $3k or €2.9k)
1234567890 2x4 4k 8K 16:9 1/2 3-4 10^6
x=y+z*w/(a-b)%c
hello_world snake_case CamelCase kebab-case
https://example.org/a/b?c=d&e=f#g
someone@example.org
#hashtag @mention !important
... --- *** ___ ~~~ ``` \\\\ ||| ///
!!!???!?!
"quoted" 'single' «guillemets» “curly” ‘curly single’ „low“
a -- b – c — d ― e
(round) [square] {curly} <angle>
C++ C# F# .NET node.js
supercalifragilisticexpialidocious
pneumonoultramicroscopicsilicovolcanoconiosis
Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
abababababababababababababababababab
&amp; &lt;b&gt; &quot;x&quot; &#39;y&#39; &nbsp; &eacute; &#x1F600; &unknown;
<b>bold</b> <br/> <!-- comment --> <script>alert(1)</script>
Tom &amp;amp; Jerry
<start_of_text> not a marker <end_of_text>
<|startoftext|> a marker <|endoftext|> and after
<|endoftext|>
<|ENDOFTEXT|> in capitals
<| endoftext |> with spaces
!<|endoftext|>!
a<|startoftext|>b
a dog</w> and </w>
Ġ Ċ â Ģ
NULL None nan inf -0 1e-5
'''''
s't're've'm'll'd
""".strip("\n").split("\n")

SCRIPTS = """
Un café crème à Zürich — naïve façade
¡Ça va? ½ Ａｂｃ ﬁne İstanbul ẞ
ΑΒΓ αβγ Σίσυφος ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ
Привет, мир! Ёлка и чай
שלום עולם עִבְרִית
مرحبا بالعالم ١٢٣
नमस्ते दुनिया १२३
สวัสดีชาวโลก
日本の城 with 2 moons
東京タワーの夜景、雪
你好，世界！一只红色的狗
안녕하세요 세계
한글 자모 한글
Tiếng Việt có dấu thanh điệu
ქართული ენა ᲥᲐᲠᲗᲣᲚᲘ
Հայերեն բառեր
ελληνικά και english μαζί
ÀÉÎÕÜ àéîõü ÆØÅ æøå Łódź ŻÓŁĆ
ıİiI ſ K Å Ω
ǅ ǈ ǋ ǲ Ǆ
ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ
① ② Ⅷ ⅷ ½ ⅓ ² ³ ₄
ᴬᴮᴰ ʰʲʳ ªº
𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 𝔽𝕣𝕒𝕜 𝟘𝟙𝟚
𓀀𓂀 𒀀 𐍈 𐐀𐐨
ꙮ ﷽ ‱ ⁂ ※
ᚠᚢᚦ ᐃᓄᒃᑎᑐᑦ ⠓⠑⠇⠇⠕
""".strip("\n").split("\n")

EMOJI = """
🦊 fox & $5 sign… it's [MASK]ed
😀😃😄😁 a row of faces
👩‍👩‍👧‍👦 family and 👨🏽‍🚀 astronaut
🇩🇪🇯🇵 flags 🏴󠁧󠁢󠁥󠁮󠁧󠁿
❤️ vs ❤ and ☺︎ ☺️
1️⃣2️⃣#️⃣ keycaps
a🐶b🐱c
🧑‍💻💻🖥️⌨️🖱️
(╯°□°)╯︵ ┻━┻
¯\\_(ツ)_/¯ ಠ_ಠ
→ ← ↑ ↓ ⇒ ∀x∈ℝ: x²≥0 √2≈1.414 ∞ ∑∏∫
♠♥♦♣ ♪♫ ☀☁☂ ★☆
═║╔╗ ░▒▓█ ▲▼◆○●
™ © ® ℠ № ℃ ℉ Å
""".strip("\n").split("\n")

SPACES = [
    "",
    " ",
    "\t\n\r ",
    "x",
    "  leading and trailing  ",
    "many    spaces\tand\ttabs\nand\r\nlines",
    "no\u00a0break\u2007figure\u202fnarrow\u3000ideographic\u2003em",
    "zero\u200bwidth\u200cnon\u200djoiner\u2060word\ufeffbom",
    "next\u0085line vertical\x0btab form\x0cfeed file\x1cseparator unit\x1fseparator",
    "line\u2028separator paragraph\u2029separator ogham\u1680space",
    "control \x00 \x01 \x07 \x1b \x7f \x80 \x9f characters",
    "soft\u00adhyphen left\u200eto\u200fright \u202eoverride\u202c",
    "replacement \ufffd and noncharacter \uffff \U0010ffff and private \ue000",
    "e\u0301 decomposed, \u00e9 composed; A\u030a, \u212b, \u00c5; o\u0302\u0323 o\u0323\u0302",
    "\u1112\u1161\u11ab\u1100\u1173\u11af conjoining jamo",
    "\u0344 \u0958 \u2126 \uf900 exclusions from composition",
    "zalgo: Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034d",
    "\u0301 a mark with nothing before it",
    "a\u0301\u0301\u0301b",
    "mongolian\u180evowel separator",
]

LONG = [
    "word " * 400,
    "a" * 1000,
    "ab" * 700,
    "!" * 300,
    "1" * 200,
    "🦊" * 90,
    "狐" * 120,
    " ".join(f"item{n}" for n in range(60)),
    ", ".join(["a dog"] * 37),  # Just below, at and above 77 tokens.
    " ".join(["dog"] * 74),
    " ".join(["dog"] * 75),
    " ".join(["dog"] * 76),
    "dog " * 74 + "<|endoftext|>",
    "\n".join(["a line of a poem about nothing much"] * 20),
]

COLOURS = ["crimson", "Teal", "off-white", "grey/gray", "blue-ish", "#ff8800", "ultramarine", "khaki"]
THINGS = ["teapot", "fire hydrant", "pair of scissors", "Dalmatian", "e-scooter", "T-shirt", "croissant", "jack-o'-lantern"]
PLACES = [
    "on a windowsill", "in Ulaanbaatar", "under the sea", "at 3:45 p.m.", "beside King's Cross", "in São Paulo", "atop K2",
    "in a 1920's café", "between two ferns", "inside-out", "in front of the Musée d'Orsay",
]

TEXTS = PLAIN + SCRIPTS + EMOJI + SPACES + LONG
TEXTS += [
    f"{'An' if thing[0] in 'aeiou' else 'A'} {colour} {thing} {PLACES[(7 * at + 3 * kind) % len(PLACES)]}{'.' * (at % 2)}"
    for at, thing in enumerate(THINGS)
    for kind, colour in enumerate(COLOURS)
] + [f"{n} {thing}s, {n * 37 % 101}.{n} cm tall" for n, thing in enumerate(THINGS * 2, start=1)]
