# Watches for the notice that the spot machine will be reclaimed, and whether anybody uses the machine.
$Done = { $false }
$Do = {
    # They go on as they are, unless they were started with another second stage.
    $with = "$State\watcher"
    if ((Read-Text $with) -ne $Status.secondStage) { Stop-Watchers }
    foreach ($one in 'watcher', 'guard') {
        Register-StartTask "ChatGLM $one" "-File $Root\tasks\$one.ps1"
        Start-ScheduledTask -TaskName "ChatGLM $one"
    }
    Save-Text $with $Status.secondStage
}
$Check = { if ((Get-ScheduledTask -TaskName 'ChatGLM watcher').State -eq 'Disabled') { throw (New-Trouble 'watcher.disabled' 'the watcher is switched off' 'Switch it on in the Task Scheduler.') } }
