# Blanks comments, and the insides of strings and characters, so that a check reads code alone.
# Prints the code line by line; lines keep their numbers. State carries over lines in `incomment`.
function strip(line,    out, i, c, n, two, quote)
{
	out = ""
	n = length(line)
	quote = ""
	for (i = 1; i <= n; i++) {
		c = substr(line, i, 1)
		two = substr(line, i, 2)
		if (incomment) {
			if (two == "*/") {
				incomment = 0
				i++
			}
		} else if (quote != "") {
			if (c == "\\")
				i++
			else if (c == quote) {
				quote = ""
				out = out c
			}
		} else if (two == "/*") {
			incomment = 1
			i++
		} else if (two == "//") {
			break
		} else {
			if (c == "\"" || c == "'")
				quote = c
			out = out c
		}
	}
	return out
}
FNR == 1 { incomment = 0 }
{ code = strip($0) }
