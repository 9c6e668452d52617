# The web demo as a start-up task. Another servedModel decides anew what is served; else what was deployed last stays.
$Serve = {
    param([hashtable]$Ask)
    Register-StartTask 'ChatGLM demo' "-File $Root\tasks\demo.ps1"
    Start-ScheduledTask -TaskName 'ChatGLM demo'
    $encoded = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $Ask)))
    (Invoke-Native $Python "-m guest serve base64:$encoded" 'serve' 30) -eq 0
}
$Done = { & $Serve @{} }
$Do = {
    # Not only asked to start the page anew: another version of the project may keep it running.
    Stop-Demo
    $chosen = "$State\served-model"
    # A note that the power damaged is none: what was deployed is never given up for it.
    $before = if (Test-Path $chosen) { Read-Text $chosen } else { 'base' }
    if ($before -notmatch '^(base|[\w.-]+/checkpoint-\d+)$') { $before = $Settings.servedModel }
    $ask = if ($Settings.servedModel -ne $before) { @{ model = $Settings.servedModel } } else { @{} }
    if (-not (& $Serve $ask)) {
        $said = (Read-Json "$Logs\serve.log").error
        # The power may have gone before the model was on the disk.
        if ($try -eq 1) {
            Stop-Demo
            Undo-Downloads 'model'
        }
        throw (New-Trouble 'demo.silent' 'the demo does not start: {0}' (Get-Said $said 'hint') (Get-Said $said 'message'))
    }
    Save-Text $chosen $Settings.servedModel
}
$Check = { if ((Get-ScheduledTask -TaskName 'ChatGLM demo').State -ne 'Running') { throw (New-Trouble 'demo.task' 'the task of the demo does not run' 'Look at the Task Scheduler.') } }
