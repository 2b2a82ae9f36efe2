package org.longform.tokenizer

import java.util.Random

/** Texts that are hard to cut. Made from a seed. */
object NastyTexts {
  private val scripts = Seq(
    "The dose was 12.5 mg/kg (p < 0.001); it's what we've seen. ",
    "Наука требует терпения и точности. ",
    "η ένταση του φωτός αυξάνεται. ",
    "هذا نص عربي طويل بدون معنى. ",
    "זהו משפט בעברית. ",
    "यह एक हिंदी वाक्य है। ",
    "これは日本語の文章です。句読点、かな、漢字。",
    "这是一个没有空格的中文句子，描述了实验结果。",
    "이것은 한국어 문장입니다. ",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "e\u0301a\u0308o\u0302\u0323 combining\u200d\u200bmarks ",
    "😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪🇫🇷 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎𠜱 ",
    "\u0000\u0001\u001b\u007f\u0085\u00a0\u2028\ufeff\uffff ",
    "<|bos|><|eos|><s></s> <|im_start|>system\n",
    "\r\n\r\n\r \n\n\n\t\t \t\n",
    "http://x.org/a?b=c&d=e#f_g-h i'll don't O'Neil's 'd 's\n"
  )

  def mixture(random: Random, chars: Int): String = {
    val text = new StringBuilder
    while (text.length < chars) {
      text.append(scripts(random.nextInt(scripts.size)))
      random.nextInt(12) match {
        case 0 => text.append(" " * random.nextInt(3000))
        case 1 => (0 to random.nextInt(2000)).foreach(_ => text.append(random.nextInt(10)))
        case 2 => text.append("\r\n" * random.nextInt(500))
        case 3 => text.append("a" * random.nextInt(2500))
        case 4 => text.append("=-" * random.nextInt(800))
        case 5 => text.append("😀" * random.nextInt(700))
        case _ =>
      }
    }
    text.toString
  }

  def word(random: Random, chars: Int): String = {
    val letters = "etaoinshrdluETAé"
    val text = new StringBuilder
    while (text.length < chars) text.append(letters.charAt(random.nextInt(letters.length)))
    text.toString
  }

  def prose(random: Random, chars: Int): String = {
    val text = new StringBuilder
    while (text.length < chars)
      text.append(word(random, 1 + random.nextInt(9))).append(if (random.nextInt(9) == 0) ".\n" else " ")
    text.toString
  }

  /** So many characters at most, none cut in two. */
  def beginning(text: String, chars: Int): String =
    if (text.length <= chars) text
    else text.substring(0, if (Character.isLowSurrogate(text.charAt(chars))) chars - 1 else chars)

  /** Name and text. Each but the shortest needs several windows of 4096 characters. */
  def all(seed: Long, longWord: Int = 1 << 17): Seq[(String, String)] = {
    val random = new Random(seed)
    Seq(
      "nothing" -> "",
      "one character" -> "x",
      "a mixture of scripts" -> mixture(random, 20000),
      "another mixture" -> mixture(random, 20000),
      "prose" -> prose(random, 25000),
      "one long word" -> word(random, longWord),
      "one letter" -> "a" * 21001,
      "two letters" -> "ab" * 11001,
      "digits" -> Seq.fill(21001)(random.nextInt(10)).mkString,
      "spaces" -> " " * 21001,
      "spaces before a word" -> (" " * 12000 + "x" + " " * 12000 + "\n"),
      "line breaks" -> "\r\n" * 9001,
      "mixed white space" -> Seq.fill(15001)(" \n\t\r".charAt(random.nextInt(4))).mkString,
      "punctuation" -> "!?" * 9001,
      "emoji" -> "👩‍👩‍👧‍👦" * 1501,
      "control characters" -> Seq.fill(15001)(random.nextInt(32).toChar).mkString,
      "combining marks" -> ("e" + "\u0301" * 12000),
      "special tokens" -> "<|bos|><s>" * 1801,
      "random characters" -> Seq.fill(12000)(Character.toChars(1 + random.nextInt(0xd7ff))(0)).mkString
    )
  }
}
