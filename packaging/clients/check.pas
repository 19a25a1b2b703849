{ Delphi、Lazarus 程序怎样调审查：有总时限，问不到就放行。
    fpc check.pas && ./check http://127.0.0.1:8700/v1/channels/esb/checks message.xml
  退出码：0 答复已打在标准输出；2 没有审查成（放行，并记日志）。
  Delphi 里换成 TNetHTTPClient（ConnectionTimeout、ResponseTimeout）或 Indy 的 TIdHTTP，写法相同。 }
program check;

{$mode objfpc}{$H+}

uses
  {$ifdef unix} cthreads, {$endif}
  Classes, SysUtils, fphttpclient;

const
  ConnectMs = 1000;
  AnswerMs = 2000;

type
  { HTTP 组件的时限只管一次读取，答复一个字节一个字节地来、断在半截时都管不住：
    所以放在线程里问，总时限由等的一方掌握。 }
  TAsk = class(TThread)
    Done: PRTLEvent;
    Answer, Why: string;
    constructor Create;
    procedure Execute; override;
    procedure Ask;
  end;

constructor TAsk.Create;
begin
  Done := RTLEventCreate;
  Why := '超时';
  inherited Create(False);
end;

procedure TAsk.Execute;
begin
  try
    Ask;
    Why := '';
  except
    on It: Exception do
      Why := It.Message;
  end;
  RTLEventSetEvent(Done);
end;

procedure TAsk.Ask;
var
  Door: TFPHTTPClient;
  Body: TMemoryStream;
  Told: TStringStream;
begin
  Door := TFPHTTPClient.Create(nil);
  Body := TMemoryStream.Create;
  Told := TStringStream.Create('');
  try
    Body.LoadFromFile(ParamStr(2));
    Door.ConnectTimeout := ConnectMs;
    Door.IOTimeout := AnswerMs;
    Door.AddHeader('Content-Type', 'text/xml');
    Door.AddHeader('X-Deadline-Ms', IntToStr(AnswerMs - 200));
    Door.RequestBody := Body;
    { 只认 200；别的状态引发异常。 }
    Door.HTTPMethod('POST', ParamStr(1), Told, [200]);
    { 答复在传的路上断了，前半截看起来也像答复：不算审查过。 }
    if Told.Size <> StrToInt64Def(Trim(Door.GetHeader(Door.ResponseHeaders, 'Content-Length')), -1) then
      raise Exception.Create('答复不完整');
    Answer := Told.DataString;
  finally
    Told.Free;
    Body.Free;
    Door.Free;
  end;
end;

var
  Asking: TAsk;
begin
  Asking := TAsk.Create;
  RTLEventWaitFor(Asking.Done, ConnectMs + AnswerMs);
  { 到了总时限还没有 Done 的，Why 仍是“超时”：不再理它。窗口程序里让它自己结束（FreeOnTerminate）。 }
  if Asking.Why <> '' then
  begin
    WriteLn(StdErr, '审查未完成，请医生自行核对：', Asking.Why);
    Halt(2);
  end;
  Write(Asking.Answer);
end.
