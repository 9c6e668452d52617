# The GPU is seen, the demo answers, and one question gets an answer.
$Done = { $false }
$Do = { Set-Message 'check.asks' 'The demo is asked a question.' }
$Check = {
    $encoded = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes('{"question": true, "strict": true}'))
    if ((Invoke-Native $Python "-m guest doctor base64:$encoded" 'check' 15) -ne 0) {
        $said = (Read-Json "$Logs\check.log").error
        throw (New-Trouble 'check.failed' 'the final check failed: {0}' (Get-Said $said 'hint') (Get-Said $said 'message'))
    }
}
