package org.longform.tokenizer

/** Short texts on which tokenizers differ. */
object HardTexts {
  private def points(codes: Int*): String = codes.map(c => new String(Character.toChars(c))).mkString

  val all: Seq[String] = Seq(
    "",
    " ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\n\n\n",
    " \n \n",
    "a ",
    " a",
    "  a",
    "a  b   c    d",
    "a\tb\t\tc",
    "a \n b\r\n\r\nc\r",
    "tail   \n",
    "x" + " " * 40 + "y" + "\n" * 17 + "\t" * 9,
    // digits
    "0",
    "12",
    "123",
    "1234",
    "12345678901234567890",
    "3.14159, 1e-10, 0x1F, 1,234,567.89",
    "٣٤٥ ௧௨ Ⅷ ½ ² ①",
    "v2.0.1-rc3 10:45:30 2026-03-07",
    // contractions
    "I'm you're we've they'll he'd it's don't",
    "I'M YOU'RE WE'VE THEY'LL HE'D IT'S DON'T",
    "'s 't 're 've 'm 'll 'd ' '' 'x",
    "rock’n’roll ’s",
    // punctuation and code
    "!?...;:,-_()[]{}<>/\\|@#$%^&*+=~`\"'",
    "a!b?c.d;e:f,g-h_i(j)k[l]m{n}o",
    "def f(x):\n    return {'a': [1, 2], \"b\": x ** 2}  # naïve\n",
    "if (a<=b && c!=d) { return \"\\n\\t\"; } // ok\n",
    "https://example.org/a/b?c=d&e=%20#f",
    "<|im_start|>user\nHi<|im_end|> <s> </s> [INST] <0x0A> <unk> <|endoftext|>",
    "CamelCaseWord snake_case_word kebab-case-word SCREAMING_CASE iPhone15Pro",
    // scripts
    "Наука требует терпения.",
    "η ένταση του φωτός",
    "هذا نص عربي، بدون معنى؟",
    "זהו משפט בעברית.",
    "यह एक हिंदी वाक्य है।",
    "বাংলা ভাষা தமிழ் తెలుగు",
    "これは日本語です。カタカナ、ひらがな、漢字。",
    "这是中文，没有空格。１２３",
    "이것은 한국어 문장입니다.",
    "ภาษาไทยไม่มีช่องว่าง",
    "កាន់តែពិសេស አማርኛ ქართული Հայերեն",
    "Tiếng Việt có dấu Çığ ÅÄÖ ñ ß Straße İstanbul ǅ",
    // marks, composed and not, joiners, other white space
    "é" + "e" + points(0x301) + " a" + points(0x308, 0x323) + " " + points(0x1100, 0x1161, 0x11a8),
    "e" + points(0x301) * 20,
    points(0x301) + "a",
    "a" + points(0x200d) + "b" + points(0x200b) + "c" + points(0xfeff) + "d" + points(0xad) + "e",
    "a" + points(0xa0) + "b" + points(0x3000) + "c" + points(0x2028) + "d" + points(0x85) + "e",
    points(0xfb01) + "x " + points(0x2126, 0x212b) + " " + points(0x1d504) + points(0x1d5ba),
    // emoji
    points(0x1f600),
    points(0x1f469, 0x200d, 0x1f469, 0x200d, 0x1f467, 0x200d, 0x1f466),
    points(0x1f1e9, 0x1f1ea, 0x1f1eb, 0x1f1f7) + points(0x1f3f3, 0xfe0f, 0x200d, 0x1f308),
    points(0x1f44d, 0x1f3fd) + " ok " + points(0x2764, 0xfe0f) + points(0x2705) + "1" + points(
      0xfe0f,
      0x20e3
    ),
    // control characters, private and unassigned ones
    (0 until 32).map(_.toChar).mkString + points(0x7f),
    points(0xe000, 0xfffd, 0xffff, 0x10ffff, 0x20000, 0xe0067),
    "mixed Текст 漢字123 " + points(0x1f680) + "\t'll 100%\n\n  end"
  )
}
