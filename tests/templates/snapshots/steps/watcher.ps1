# Watches for the notice that the spot machine will be reclaimed.
$Done = { $false }
$Do = {
    Register-StartTask 'ChatGLM watcher' "$Root\tasks\watcher.ps1"
    Start-ScheduledTask -TaskName 'ChatGLM watcher'
}
$Check = { if ((Get-ScheduledTask -TaskName 'ChatGLM watcher').State -eq 'Disabled') { throw 'the watcher is switched off | Switch it on in the Task Scheduler.' } }
