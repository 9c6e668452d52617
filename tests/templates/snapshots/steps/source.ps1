# The ChatGLM-6B source at the pinned commit.
$Done = { [bool](Get-Item "$Root\ChatGLM-6B\web_demo.py" -ErrorAction SilentlyContinue).Length }
$Do = {
    Wait-Download 'source'
    Stop-Users
    $code = Invoke-Native $Python '-m guest.source' 'source'
    if ($code -ne 0) {
        # It has thrown a wrong one away, and the next source is asked.
        $said = (Read-Json "$Logs\source.log").error
        $reason = if ($said) { Get-Said $said 'message' } else { Read-Tail "$Logs\source.err.log" 1 }
        throw (New-Trouble 'source.wrong' '{0}' 'The next source is asked; set sourceUrls to a copy of your own.' $reason)
    }
}
$Check = { if (-not (& $Done)) { throw (New-Trouble 'source.missing' 'web_demo.py is missing' 'See the end of the log.') } }
