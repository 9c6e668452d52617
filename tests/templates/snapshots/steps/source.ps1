# The ChatGLM-6B source at the pinned commit.
$Done = { Test-Path "$Root\ChatGLM-6B\web_demo.py" }
$Do = {
    Wait-Download 'source'
    $code = Invoke-Native $Python '-m guest.source' 'source'
    if ($code -ne 0) { throw 'the source is not the pinned one, or does not unpack | Set sourceUrls to a copy of your own.' }
}
$Check = { if (-not (& $Done)) { throw 'web_demo.py is missing | See the end of the log.' } }
